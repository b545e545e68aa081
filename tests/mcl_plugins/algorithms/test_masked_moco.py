"""Masked MoCo and Masked BYOL: Eq. 1 to 4 in plain loops, target, gradients, two processes."""

import copy
import math

import pytest
import torch
from mmcv.cnn.bricks import DropPath
from mmpretrain.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from conftest import SMALL_MASKED_MOCO as MOCO
from conftest import SMALL_SWIN
from mcl_plugins.mask_generators import Partition
from processes import run_on_two_processes

TAU = MOCO['contrast_head']['temperature']
LAYER_NORM = dict(type='mcl_plugins.LayerNorm', eps=1e-6)
ENCODER = MOCO['backbone']
BYOL = {
    **{name: part for name, part in MOCO.items() if name != 'contrast_head'},
    'type': 'mcl_plugins.MaskedBYOL',
    'predictor': {**MOCO['predictor'], 'with_last_bn': False},
}
CLASS_ATTENTION = dict(type='mcl_plugins.ClassAttentionBlocks', embed_dims=48, num_heads=3)
METHODS = pytest.mark.parametrize('method', [MOCO, BYOL], ids=['MoCo', 'BYOL'])


def layer_norm_heads(method):
    return {
        name: {**method[name], 'norm_cfg': LAYER_NORM} for name in ('projector', 'predictor')
    } | {'class_attention': CLASS_ATTENTION}


class FixedPartition(Partition):
    """Cuts by given noise, (N, L) for each call in turn."""

    def __init__(self, num_chunks, noise):
        super().__init__(num_chunks)
        self.noise = iter(noise)

    def forward(self, *_):
        return self.from_noise(next(self.noise))


def build(config=MOCO, **changes):
    model = MODELS.build({**config, **changes})
    model.init_weights()
    with torch.no_grad():  # apart from each other, and from the start
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.double()


def views(batch=4):
    return list(torch.randn(2, batch, 3, 32, 32).double())


def plain_features(network, image, order, chunks):
    """The class token of each chunk, encoded by itself: a list of (D,)."""
    backbone = network.backbone
    patches = backbone.patch_embed(image[None])[0] + backbone.pos_embed[:, 1:]
    length = 16 // chunks
    features = []
    for chunk in range(chunks):
        shown = patches[:, order[chunk * length : (chunk + 1) * length]]
        tokens = torch.cat((backbone.cls_token + backbone.pos_embed[:, :1], shown), dim=1)
        for layer in backbone.layers:
            tokens = layer(tokens)
        features.append(network.class_attention(backbone.ln1(tokens))[0, 0])
    return features


def plain_queries(model, images, orders):
    """q_i of Eq. 1, a list of n unit vectors for each image."""
    rows = [
        feature
        for image, order in zip(images, orders, strict=True)
        for feature in plain_features(model, image, order, model.partition.num_chunks)
    ]
    (rows,) = model.predictor(model.projector((torch.stack(rows),)))
    rows = [row / row.norm() for row in rows]
    n = model.partition.num_chunks
    return [rows[place : place + n] for place in range(0, len(rows), n)]


def plain_keys(model, images, orders):
    """Eq. 4: the normalised sum of m unit vectors for each image."""
    m = model.target_partition.num_chunks
    rows = [
        feature
        for image, order in zip(images, orders, strict=True)
        for feature in plain_features(model.ema, image, order, m)
    ]
    (rows,) = model.ema.projector((torch.stack(rows),))
    keys = []
    for place in range(0, len(rows), m):
        total = sum(row / row.norm() for row in rows[place : place + m])
        keys.append(total / total.norm())
    return keys


def info_nce(queries, keys):
    """Eq. 1 for each query, Eq. 3: their mean; times 2 tau as in MoCo v3."""
    losses = []
    for image, own in enumerate(queries):
        for query in own:
            scores = [math.exp((query @ key).item() / TAU) for key in keys]
            losses.append(-math.log(scores[image] / sum(scores)))
    return 2 * TAU * sum(losses) / len(losses)


def regression(queries, keys):
    """BYOL's 2 - 2 cos, averaged over chunks and images."""
    losses = [
        2 - 2 * (query @ key).item()
        for own, key in zip(queries, keys, strict=True)
        for query in own
    ]
    return sum(losses) / len(losses)


@pytest.mark.parametrize('heads', [False, True], ids=['BN', 'LN and class attention'])
@pytest.mark.parametrize(('n', 'm'), [(4, 2), (4, 1), (1, 2), (5, 3)])
@METHODS
def test_the_loss_equals_plain_loops(method, n, m, heads):
    """With 5 and 3 chunks, one of the 16 patches is left over."""
    changes = layer_norm_heads(method) if heads else {}
    model = build(method, num_chunks=n, target_chunks=m, **changes)
    noise = torch.rand(4, 4, 16)
    orders = noise.argsort(dim=2).tolist()
    model.partition = FixedPartition(n, noise[:2])
    model.target_partition = FixedPartition(m, noise[2:])
    batch = views()
    plain_loss = info_nce if method is MOCO else regression
    with torch.no_grad():
        queries = [plain_queries(model, *pair) for pair in zip(batch, orders[:2], strict=True)]
        keys = [plain_keys(model, *pair) for pair in zip(batch, orders[2:], strict=True)]
        expected = plain_loss(queries[0], keys[1]) + plain_loss(queries[1], keys[0])
        losses = model.loss(batch)
    assert losses['loss_contrast'].item() == pytest.approx(expected, rel=1e-9)
    floor = 4 * TAU * math.log(4) if method is MOCO else 4  # orthogonal features
    assert losses['chance'].item() == pytest.approx(floor)


def test_what_a_chunk_leaves_out_does_not_change_its_query():
    model = build()
    noise = torch.rand(3, 16)
    model.partition = FixedPartition(4, [noise, noise])
    model.eval()  # batch norm would mix the chunks
    images = views(3)[0]
    shown = noise.argsort(dim=1)[0, :4].tolist()
    other = images.clone()
    for patch in set(range(16)) - set(shown):
        row, column = divmod(patch, 4)
        other[0, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 1
    with torch.no_grad():
        before, after = (model._queries(x) for x in (images, other))
    torch.testing.assert_close(before[0, 0], after[0, 0])
    assert ((before[0, 1:] - after[0, 1:]).abs().amax(dim=1) > 1e-6).all()


@pytest.mark.parametrize('heads', [False, True], ids=['BN', 'LN and class attention'])
@METHODS
def test_every_trained_parameter_gets_a_gradient_and_no_target_one(method, heads):
    model = build(method, **(layer_norm_heads(method) if heads else {}))
    total, log = model.parse_losses(model.loss(views()))
    total.backward()
    for name, param in model.named_parameters():
        if name.startswith('ema.'):
            assert not param.requires_grad and param.grad is None
        else:
            assert param.grad is not None and param.grad.isfinite().all(), name
    names = {'loss', 'loss_contrast', 'chance', 'key_spread'}
    assert set(log) == (names | {'top1'} if method is MOCO else names)


def test_a_frozen_patch_embedding_is_not_trained():
    model = build(backbone=dict(**ENCODER, frozen_patch_embed=True))
    model.loss(views())['loss_contrast'].backward()
    frozen = {name for name, p in model.backbone.named_parameters() if not p.requires_grad}
    assert frozen == {'patch_embed.projection.weight', 'patch_embed.projection.bias'}
    assert all(model.backbone.get_parameter(name).grad is None for name in frozen)


def test_the_target_starts_equal_and_moves_by_one_minus_momentum():
    model = MODELS.build({**MOCO, **layer_norm_heads(MOCO)})
    model.init_weights()
    model.double()
    parts = {name.split('.')[0] for name, _ in model.ema.named_parameters()}
    assert parts == {'backbone', 'class_attention', 'projector'}
    for name, param in model.ema.named_parameters():
        assert torch.equal(param, model.get_parameter(name))
    with torch.no_grad():
        for name, param in model.named_parameters():
            if not name.startswith('ema.'):
                param.add_(1.0)
    before = {name: p.clone() for name, p in model.ema.named_parameters()}
    model.ema.update(model.ema.schedule(5, 10))  # half way: momentum 0.95
    for name, param in model.ema.named_parameters():
        torch.testing.assert_close(param - before[name], torch.full_like(param, 0.05))


def test_the_target_has_no_drop_path():
    model = build(backbone=dict(**ENCODER, drop_path_rate=0.5))
    rates = {
        part: [layer.drop_prob for layer in encoder.modules() if isinstance(layer, DropPath)]
        for part, encoder in (('online', model.backbone), ('target', model.ema))
    }
    assert max(rates['online']) == 0.5 and set(rates['target']) == {0.0}


@METHODS
def test_a_few_steps_learn_a_fixed_batch(method):
    torch.manual_seed(1)
    model = MODELS.build(method)
    model.init_weights()
    images = torch.randn(8, 3, 32, 32)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    history = []
    for step in range(60):
        losses = model.loss([images, images + 0.1 * torch.randn_like(images)])
        optimizer.zero_grad()
        losses['loss_contrast'].backward()
        model.set_progress(step, 60)
        optimizer.step()
        history.append(losses['loss_contrast'].item())
    assert history[-1] < 0.6 * history[0]
    assert losses['key_spread'] > 0.5


def test_the_mask_for_pictures_shows_one_chunk():
    model = build(num_chunks=3)
    mask = model.draw_mask(views(5)[0])
    assert mask.mask.shape == (5, 16) and mask.len_keep == 5
    assert ((~mask.mask).sum(dim=1) == 5).all()
    assert not torch.equal(mask.mask[0], mask.mask[1])
    assert not build(num_chunks=1).draw_mask(views(5)[0]).mask.any()


def test_what_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match='num_chunks=17 is more than the 16 patches'):
        MODELS.build({**MOCO, 'num_chunks': 17})
    with pytest.raises(ValueError, match='target_chunks=0 must be a whole number, at least 1'):
        MODELS.build({**MOCO, 'target_chunks': 0})
    for backbone in (
        {**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer'},
        {**ENCODER, 'type': 'mcl_plugins.SimMIMViT'},
    ):
        message = f'derived from MaskedViT, .* is a {backbone["type"][12:]}, which'
        with pytest.raises(ValueError, match=message):
            MODELS.build({**MOCO, 'backbone': backbone})
    for part, key in ((CLASS_ATTENTION, 'embed_dims'), (MOCO['projector'], 'in_channels')):
        name = 'class_attention' if key == 'embed_dims' else 'projector'
        with pytest.raises(ValueError, match=rf"{name}\.{key}=24 is not the encoder's width of 48"):
            MODELS.build({**MOCO, name: {**part, key: 24}})
    with pytest.raises(ValueError, match=r'takes 2 views \(first, second\), but the batch has 1'):
        MODELS.build(MOCO).loss([torch.zeros(1, 3, 32, 32)])


@pytest.mark.parametrize('heads', [False, True], ids=['BN', 'LN and class attention'])
@METHODS
def test_bfloat16_autocast_stays_close_to_float32(method, heads):
    model = MODELS.build({**method, **(layer_norm_heads(method) if heads else {})})
    model.init_weights()
    batch, noise = [view.float() for view in views(8)], torch.rand(2, 8, 16)
    results = []
    for enabled in (False, True):
        model.partition = FixedPartition(4, noise)
        model.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            losses = model.loss(batch)
        assert all(value.dtype == torch.float32 for value in losses.values())
        losses['loss_contrast'].backward()
        results.append((losses['loss_contrast'], model.backbone.layers[0].attn.qkv.weight.grad))
    (exact, gradient), (rounded, coarse) = results
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)
    assert torch.nn.functional.cosine_similarity(gradient.flatten(), coarse.flatten(), 0) > 0.98


def _half_of_the_batch(rank, config, state, batch, noise, expected_loss, expected):
    model = build(config)
    model.load_state_dict(state)
    half = slice(rank * 3, rank * 3 + 3)
    model.partition = FixedPartition(4, noise[:2, half])
    model.target_partition = FixedPartition(2, noise[2:, half])
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    loss = wrapped([view[half] for view in batch], mode='loss')['loss_contrast']
    loss.backward()
    loss = loss.detach()
    torch.distributed.all_reduce(loss)
    torch.testing.assert_close(loss / 2, expected_loss)
    for name, param in model.named_parameters():
        if param.requires_grad:
            torch.testing.assert_close(
                param.grad, expected[name], msg=lambda text, name=name: f'{name}: {text}'
            )


@pytest.mark.parametrize('heads', [False, True], ids=['BN', 'LN and class attention'])
@METHODS
def test_two_processes_equal_one(method, heads):
    """3 + 3 images with n = 4 and m = 2: the loss and gradients of 6 on one process."""
    config = {**method, 'target_chunks': 2, **(layer_norm_heads(method) if heads else {})}
    model = build(config)
    batch, noise = views(6), torch.rand(4, 6, 16)
    model.partition = FixedPartition(4, noise[:2])
    model.target_partition = FixedPartition(2, noise[2:])
    state = copy.deepcopy(model.state_dict())
    loss = model.loss(batch)['loss_contrast']
    loss.backward()
    expected = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    run_on_two_processes(_half_of_the_batch, config, state, batch, noise, loss.detach(), expected)
