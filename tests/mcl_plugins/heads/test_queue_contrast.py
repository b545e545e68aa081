"""MimCo's two levels against plain loops, with a queue that has wrapped around."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.heads import L1Head, QueueInfoNCEHead
from mcl_plugins.mask_generators import PatchMask
from mcl_plugins.targets import EMA

N, L, D, C, K, TAU = 5, 6, 10, 4, 12, 0.2


def mlp(inputs):
    return dict(
        type='NonLinearNeck',
        in_channels=inputs,
        hid_channels=8,
        out_channels=C,
        with_bias=True,
        with_last_bias=True,
        with_last_bn=False,
        with_avg_pool=False,
        norm_cfg=dict(type='mcl_plugins.SyncBN'),
    )


@pytest.fixture
def contrast():
    module = MODELS.build(
        dict(
            type='mcl_plugins.QueueContrast',
            projector=mlp(D),
            predictor=mlp(C),
            head=dict(type='mcl_plugins.QueueInfoNCEHead', temperature=TAU),
            queue=dict(dim=C, length=K),
        )
    ).double()
    module.init_weights()
    module.ema = EMA(dict(start=0.99), projector=module.projector)  # as the algorithm keeps it
    with torch.no_grad():  # the EMA is another network
        for parameter in module.ema.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def features():
    return torch.randn(2, N, L, D).double().unbind()


def plain_mlp(neck, rows):
    """Linear, batch norm, ReLU, linear, on a list of vectors."""
    hidden = [neck.fc0.weight @ row + neck.fc0.bias for row in rows]
    mean = sum(hidden) / len(hidden)
    variance = sum((h - mean) ** 2 for h in hidden) / len(hidden)
    normed = [(h - mean) / (variance + 1e-5).sqrt() for h in hidden]
    normed = [h * neck.bn0.weight + neck.bn0.bias for h in normed]
    return [neck.fc1.weight @ h.clamp_min(0) + neck.fc1.bias for h in normed]


@torch.no_grad()
def plain_loss(module, student, teacher, positions, queue):
    """Eq. 1 (positions: one list an image) and Eq. 3 (one position an image), term by term."""
    rows = [student[n, p] for n in range(N) for p in range(student.shape[1])]
    queries = plain_mlp(module.predictor, plain_mlp(module.projector, rows))
    rows = [teacher[n, p] for n in range(N) for p in range(teacher.shape[1])]
    keys = plain_mlp(module.ema.projector, rows)
    terms = []
    for n in range(N):
        for p in positions[n]:
            query = queries[n * student.shape[1] + p]
            key = keys[n * student.shape[1] + p]
            query, key = query / query.norm(), key / key.norm()
            positive = math.exp(query @ key / TAU)
            negatives = sum(math.exp(query @ negative / TAU) for negative in queue)
            terms.append(-math.log(positive / (positive + negatives)))
    per_image = [sum(keys[n * student.shape[1] :][: student.shape[1]]) / student.shape[1]
                 for n in range(N)]  # fmt: skip
    return sum(terms) / len(terms), [key / key.norm() for key in per_image]


@pytest.mark.parametrize('level', ['patch', 'image'])
def test_loss_and_queue_equal_plain_loops_over_several_batches(contrast, level):
    """Batches of 5 in a queue of 12: it wraps around in the third, in the middle of the batch."""
    queue = list(contrast.queue.keys.T)
    for step in range(4):
        student, teacher = features()
        mask = PatchMask.from_ranks(torch.rand(N, L), L - 2)
        if level == 'image':
            student, teacher = (x.mean(dim=1, keepdim=True) for x in (student, teacher))
            mask = None
        positions = [[0]] * N if mask is None else mask.ids_mask.tolist()
        expected, keys = plain_loss(contrast, student, teacher, positions, queue)
        result = contrast(student, teacher, contrast.ema.projector, mask)
        assert result['loss_contrast'].item() == pytest.approx(expected, rel=1e-9)
        for offset, key in enumerate(keys):
            queue[(step * N + offset) % K] = key
        torch.testing.assert_close(contrast.queue.keys.T, torch.stack(queue))


def test_a_key_is_never_among_its_own_negatives(contrast):
    student, teacher = features()
    before = contrast.queue.keys.clone()
    seen = []
    contrast.head.register_forward_pre_hook(lambda _, args: seen.append(args[2].clone()))
    contrast(student, teacher, contrast.ema.projector)
    assert torch.equal(seen[0], before) and not torch.equal(contrast.queue.keys, before)


def test_only_training_adds_keys(contrast):
    student, teacher = features()
    before = contrast.queue.keys.clone()
    contrast.eval()(student, teacher, contrast.ema.projector)
    assert torch.equal(contrast.queue.keys, before) and contrast.queue.pointer == 0
    contrast.train()(student, teacher, contrast.ema.projector)
    assert contrast.queue.pointer == N


def test_batch_statistics_are_those_of_all_positions(contrast):
    """Leaving positions out of the comparison does not change what the others are compared with."""
    rows = []
    contrast.head.register_forward_pre_hook(lambda _, args: rows.append(args))
    student, teacher = features()
    contrast(student, teacher, contrast.ema.projector)
    mask = torch.tensor([[patch in (1, 4) for patch in range(L)]] * N)
    contrast(student, teacher, contrast.ema.projector, PatchMask.from_mask(mask))
    (all_queries, all_keys, _), (queries, keys, _) = rows
    picked = [n * L + p for n in range(N) for p in (1, 4)]
    torch.testing.assert_close(queries, all_queries[picked])
    torch.testing.assert_close(keys, all_keys[picked])


def test_uniform_similarities_give_the_chance_loss():
    query = torch.eye(4)[:1].expand(3, -1)
    key = torch.eye(4)[1:2].expand(3, -1)
    negatives = torch.eye(4)[2:].T.repeat(1, 5)
    result = QueueInfoNCEHead(temperature=0.3)(query, key, negatives)
    assert result['loss_contrast'].item() == pytest.approx(math.log(11))
    assert result['chance'].item() == pytest.approx(math.log(11))


def test_a_perfect_query_scores():
    key = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    negatives = torch.nn.functional.normalize(torch.randn(8, 20), dim=0)
    result = QueueInfoNCEHead(temperature=0.01)(5 * key, key, negatives)
    assert result['top1'] == 1 and result['loss_contrast'] < 0.1


def test_a_collapsed_network_has_no_hits():
    """All keys are one, but for rounding: the loss is at chance, and so the accuracy should be."""
    direction = torch.nn.functional.normalize(torch.randn(1, 64), dim=1)
    query = direction * torch.rand(50, 1)
    result = QueueInfoNCEHead(temperature=0.2)(query, 3 * query, direction.T.repeat(1, 100))
    assert result['top1'] == 0 and result['key_spread'] < 1e-3
    assert result['loss_contrast'].item() == pytest.approx(math.log(101), rel=1e-4)


def test_one_image_has_a_spread():
    key = torch.randn(1, 8)
    assert QueueInfoNCEHead()(key, key, torch.eye(8))['key_spread'] == 0


def test_keys_of_another_width_are_named():
    message = 'keys of dim=10, but the predictions have 16 channels: set queue.dim=16'
    with pytest.raises(ValueError, match=message):
        QueueInfoNCEHead()(torch.randn(2, 16), torch.randn(2, 16), torch.randn(10, 4))


def test_l1_is_a_distance_of_unit_vectors():
    query, key = torch.randn(2, 6, 8)
    expected = 0
    for q, k in zip(query, key, strict=True):
        expected += sum(abs(a - b) for a, b in zip(q / q.norm(), k / k.norm(), strict=True)) / 6
    assert L1Head()(query, key)['loss_contrast'].item() == pytest.approx(expected.item(), rel=1e-5)
    assert L1Head()(3 * key, key)['loss_contrast'].item() == pytest.approx(0, abs=1e-6)


def test_keys_get_no_gradient(contrast):
    student, teacher = features()
    teacher.requires_grad_()
    contrast(student, teacher, contrast.ema.projector)['loss_contrast'].backward()
    assert teacher.grad is None
    assert not [p for p in contrast.ema.parameters() if p.grad is not None]
    for name, parameter in contrast.named_parameters():
        if not name.startswith('ema.'):
            assert parameter.grad is not None, name


@pytest.mark.parametrize(
    ('head', 'queue', 'message'),
    [
        ('QueueInfoNCEHead', None, 'needs a queue, but got queue=None: give'),
        ('L1Head', dict(dim=C, length=K), 'L1Head does not use a queue, .*set queue=None'),
    ],
)
def test_a_head_without_its_queue_is_refused(head, queue, message):
    config = dict(
        type='mcl_plugins.QueueContrast',
        projector=mlp(D),
        predictor=mlp(C),
        head=dict(type=f'mcl_plugins.{head}'),
        queue=queue,
    )
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match='temperature=0 must be positive'):
        QueueInfoNCEHead(temperature=0)


def test_features_themselves_are_regressed_without_a_projector():
    """MimCo, Table 7, the reading without normalisation, against a plain loop."""
    module = MODELS.build(
        dict(
            type='mcl_plugins.QueueContrast',
            projector=None,
            predictor={**mlp(D), 'out_channels': D},
            head=dict(type='mcl_plugins.FeatureL1Head'),
        )
    ).double()
    torch.manual_seed(0)
    student = torch.randn(N, L, D, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(N, L, D, dtype=torch.float64)
    hidden = torch.arange(L).expand(N, L) < 2
    loss = module(student, teacher, None, PatchMask.from_mask(hidden))['loss_contrast']
    (predictions,) = module.predictor((student.flatten(0, 1),))
    rows = predictions.view(N, L, D)
    expected = sum(
        abs(rows[n, p, d] - teacher[n, p, d]).item()
        for n in range(N)
        for p in range(2)
        for d in range(D)
    ) / (N * 2 * D)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert student.grad.abs().sum() > 0


def test_a_predictor_of_another_width_is_explained():
    module = MODELS.build(
        dict(
            type='mcl_plugins.QueueContrast',
            projector=None,
            predictor=mlp(D),
            head=dict(type='mcl_plugins.FeatureL1Head'),
        )
    )
    features = torch.randn(N, L, D)
    with pytest.raises(ValueError, match=f'set predictor.out_channels={D}'):
        module(features, features, None)
