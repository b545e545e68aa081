"""The heads against plain loops over numbers, and against closed forms."""

import math

import pytest
import torch

from mcl_plugins.heads import InstanceContrastHead, PatchContrastHead
from mcl_plugins.mask_generators import PatchMask, RandomMask
from mcl_plugins.utils.similarity import feature_spread, l2_normalize
from processes import run_on_two_processes

N, L, C = 3, 16, 8


def features():
    return torch.randn(N, L, C, dtype=torch.float64), torch.randn(N, L, C, dtype=torch.float64)


def cosine(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True)) / math.sqrt(
        sum(float(x) ** 2 for x in a) * sum(float(y) ** 2 for y in b)
    )


def looped_loss(query, key, hidden, temperature, candidates, ceiling=math.inf):
    """Mean cross-entropy of the hidden patches, one number at a time."""
    losses = []
    for n in range(N):
        for patch in range(L):
            if not hidden[n, patch]:
                continue
            total = 0.0
            for m, other in candidates(n):
                similarity = cosine(query[n, patch], key[m, other])
                if similarity <= ceiling or (m, other) == (n, patch):
                    total += math.exp(similarity / temperature)
            positive = cosine(query[n, patch], key[n, patch]) / temperature
            losses.append(math.log(total) - positive)
    return sum(losses) / len(losses)


def same_image(n):
    return [(n, other) for other in range(L)]


def whole_batch(_):
    return [(m, other) for m in range(N) for other in range(L)]


@pytest.mark.parametrize(
    ('settings', 'candidates', 'ceiling'),
    [
        (dict(), same_image, math.inf),
        (dict(negatives='batch'), whole_batch, math.inf),
        (dict(max_negative_similarity=0.2), same_image, 0.2),
        (dict(negatives='batch', max_negative_similarity=0.2), whole_batch, 0.2),
    ],
)
def test_loss_equals_plain_loops(settings, candidates, ceiling):
    query, key = features()
    mask = RandomMask(0.75, unit=2)(N, (4, 4), torch.device('cpu'))
    loss = PatchContrastHead(0.1, **settings)(query, key, mask)['loss_contrast'].item()
    assert loss == pytest.approx(looped_loss(query, key, mask.mask, 0.1, candidates, ceiling))


def test_without_mask_every_patch_is_a_query():
    query, key = features()
    loss = PatchContrastHead(0.1)(query, key, None)['loss_contrast'].item()
    everything = torch.ones(N, L, dtype=torch.bool)
    assert loss == pytest.approx(looped_loss(query, key, everything, 0.1, same_image))


@pytest.mark.parametrize(('negatives', 'keys'), [('image', L), ('batch', N * L)])
def test_equal_keys_give_the_chance_floor(negatives, keys):
    query, _ = features()
    key = torch.ones(N, L, C, dtype=torch.float64)
    mask = RandomMask(0.5)(N, (4, 4), torch.device('cpu'))
    result = PatchContrastHead(0.1, negatives)(query, key, mask)
    assert result['loss_contrast'].item() == pytest.approx(math.log(keys), rel=1e-6)
    assert result['chance'].item() == pytest.approx(math.log(keys), rel=1e-6)
    assert result['key_spread'].item() == pytest.approx(0, abs=1e-6)


def test_matching_orthogonal_keys_are_all_found():
    key = torch.eye(L).expand(N, -1, -1)
    result = PatchContrastHead(0.1)(key * 3, key, None)
    assert result['top1'].item() == 1
    # One key at cosine 1 and L - 1 at 0.
    assert result['loss_contrast'].item() == pytest.approx(
        math.log1p((L - 1) * math.exp(-10)), rel=1e-3
    )


def test_order_of_hidden_patches_does_not_matter():
    query, key = features()
    mask = RandomMask(0.5)(N, (4, 4), torch.device('cpu'))
    again = PatchMask.from_mask(mask.mask)
    head = PatchContrastHead(0.1)
    torch.testing.assert_close(
        head(query, key, mask)['loss_contrast'], head(query, key, again)['loss_contrast']
    )


def test_autocast_does_not_reach_similarities():
    query, key = (value.float() for value in features())
    head = PatchContrastHead(0.1)
    with torch.autocast('cpu', torch.bfloat16):
        under_autocast = head(query, key, None)
    expected = head(query, key, None)
    assert under_autocast['loss_contrast'].dtype == torch.float32
    assert torch.equal(under_autocast['loss_contrast'], expected['loss_contrast'])


def test_instance_loss_equals_plain_loops():
    query, key = features()
    mean_query, mean_key = query.mean(1), key.mean(1)
    losses = []
    for n in range(N):
        logits = [cosine(mean_query[n], mean_key[m]) / 0.1 for m in range(N)]
        losses.append(math.log(sum(map(math.exp, logits))) - logits[n])
    loss = InstanceContrastHead(0.1)(query, key, None)['loss_contrast'].item()
    assert loss == pytest.approx(sum(losses) / N)


def _instance_halves(rank, query, key, expected):
    query = query.clone().requires_grad_()
    half = slice(rank * 2, rank * 2 + 2)
    result = InstanceContrastHead(0.1)(query[half], key[half], None)
    total = result['loss_contrast'].detach().clone()
    torch.distributed.all_reduce(total)
    torch.testing.assert_close(total / 2, expected)
    assert result['chance'].item() == pytest.approx(math.log(4))


def test_instance_keys_come_from_all_processes():
    query = torch.randn(4, L, C, dtype=torch.float64)
    key = torch.randn(4, L, C, dtype=torch.float64)
    expected = InstanceContrastHead(0.1)(query, key, None)['loss_contrast']
    run_on_two_processes(_instance_halves, query, key, expected)


def test_spread_of_a_uniform_sphere_is_one():
    assert feature_spread(l2_normalize(torch.randn(20000, 32))).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize('temperature', [0, -0.1])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match='temperature'):
        PatchContrastHead(temperature)


def test_unknown_negatives_are_named():
    with pytest.raises(ValueError, match=r"negatives='world'.*\['image', 'batch'\]"):
        PatchContrastHead(0.1, negatives='world')
