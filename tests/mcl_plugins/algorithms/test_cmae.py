"""CMAE as a whole: target, gradients, variants, two processes, mixed precision."""

import copy
import math

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from conftest import PIXEL_HEAD, PREPROCESSOR, SMALL_DECODER, SMALL_VIT, GivenMask
from processes import run_on_two_processes

MLP = dict(
    type='NonLinearNeck',
    hid_channels=32,
    out_channels=16,
    with_bias=True,
    with_last_bn=False,
    with_avg_pool=False,
    norm_cfg=dict(type='mcl_plugins.SyncBN', eps=1e-6),
)
SMALL = dict(
    type='mcl_plugins.CMAE',
    backbone=SMALL_VIT,
    pixel_decoder=SMALL_DECODER,
    feature_decoder={**SMALL_DECODER, 'decoder_depth': 1, 'predict_feature_dim': 48},
    projector=dict(**MLP, in_channels=48),
    predictor=dict(**MLP, in_channels=16),
    pixel_head=PIXEL_HEAD,
    contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.07),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.65, unit=1),
    momentum=dict(start=0.9, end=0.9),
    data_preprocessor={
        **PREPROCESSOR,
        'views': [[], [dict(type='mcl_plugins.Grayscale', prob=0.5)]],
    },
)


def build(**changes):
    model = MODELS.build({**SMALL, **changes})
    model.init_weights()
    return model


def views(batch=4):
    return [torch.randn(batch, 3, 32, 32) for _ in range(2)]


def total(losses):
    return losses['loss_contrast'] + losses['loss_pixel']


SHARED = dict(share_decoder_blocks=True)
VARIANTS = {
    'default': {},
    'no feature decoder': dict(feature_decoder=None),
    'shared': SHARED,
    'BYOL': dict(contrast_head=dict(type='mcl_plugins.CosineHead', loss_weight=2.0)),
    'masked target': dict(
        target_mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.5, unit=2)
    ),
}


@pytest.mark.parametrize('changes', VARIANTS.values(), ids=VARIANTS)
def test_every_trained_parameter_gets_a_gradient_and_no_target_one(changes):
    model = build(**changes)
    total(model.loss(views())).backward()
    for name, param in model.named_parameters():
        if name.startswith('ema.'):
            assert not param.requires_grad and param.grad is None
        else:
            assert param.grad is not None and param.grad.isfinite().all(), name


def test_a_fresh_target_is_the_online_network_without_final_norm():
    model = build()
    state = model.state_dict()
    target = {name for name in state if name.startswith('ema.')}
    for name in target:
        assert torch.equal(state[name], state[name.removeprefix('ema.')])
    online = {name for name in state if name.startswith(('backbone.', 'projector.'))}
    assert {f'ema.{name}' for name in online} - target == {
        'ema.backbone.ln1.weight',
        'ema.backbone.ln1.bias',
    }


def test_target_moves_by_one_minus_momentum():
    model = build()
    with torch.no_grad():
        for param in model.backbone.parameters():
            param.add_(1.0)
    before = {name: p.clone() for name, p in model.ema.named_parameters()}
    model.ema.update(model.ema.schedule(5, 10))
    for name, param in model.ema.backbone.named_parameters():
        moved = param - before[f'backbone.{name}']
        torch.testing.assert_close(moved, torch.full_like(moved, 0.1), atol=1e-6, rtol=0)


def test_target_sees_the_whole_second_view_and_the_pixels_are_the_first():
    model = build()
    online, target = views()
    seen = {}
    model.ema.backbone.register_forward_pre_hook(lambda _, args: seen.update(target=args))
    head, model.pixel_head.loss = model.pixel_head.loss, None

    def loss(pixels, images, hidden):
        seen.update(pixels=images, hidden=hidden)
        return head(pixels, images, hidden)

    model.pixel_head.loss = loss
    model.loss([online, target])
    assert seen['target'][0] is target and seen['target'][1] is None
    assert seen['pixels'] is online
    assert seen['hidden'].sum(dim=1).tolist() == [math.ceil(16 * 0.65)] * 4


def test_masked_target_sees_visible_patches_only():
    model = build(**VARIANTS['masked target'])
    seen = []
    model.ema.backbone.register_forward_hook(lambda *args: seen.append(args[2][0].shape))
    model.loss(views())
    assert seen == [(4, 1 + 8, 48)]


def test_features_are_the_mean_of_the_patches_without_the_class_token():
    model = build(feature_decoder=None)
    model.mask_generator = GivenMask(torch.arange(16).expand(4, -1) >= 5)
    rows = []
    model.projector.register_forward_pre_hook(lambda _, args: rows.append(args[0][0]))
    online, target = views()
    model.loss([online, target])
    (tokens,) = model.backbone(online, model.draw_mask(online))
    torch.testing.assert_close(rows[0], tokens[:, 1:].mean(dim=1))


def test_shared_blocks_stay_shared_in_copies_and_checkpoints():
    model = build(**SHARED)
    clone = copy.deepcopy(model)
    assert clone.feature_decoder.decoder_blocks[0] is clone.pixel_decoder.decoder_blocks[0]
    clone.load_state_dict(model.state_dict())
    names = [name for name, _ in model.named_parameters()]
    assert not [name for name in names if name.startswith('feature_decoder.decoder_blocks')]


def test_monitors_do_not_enter_the_loss():
    losses = build().loss(views())
    summed, log = build().parse_losses(losses)
    assert torch.equal(summed, losses['loss_pixel'] + losses['loss_contrast'])
    assert set(log) == {'loss', 'loss_pixel', 'loss_contrast', 'top1', 'chance', 'key_spread'}


def test_bfloat16_autocast_stays_close_to_float32():
    model = build()
    model.mask_generator = GivenMask(torch.arange(16).expand(4, -1) >= 5)
    batch = views()
    results = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled):
            loss = total(model.loss(batch))
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in model.parameters() if p.requires_grad)])
    (exact, *gradients), (rounded, *roughly) = results
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)
    whole = torch.cat([g.flatten() for g in gradients])
    assert (torch.cat([g.flatten() for g in roughly]) - whole).norm() < 0.2 * whole.norm()


def test_a_few_steps_learn_a_fixed_batch():
    torch.manual_seed(0)
    model = build()
    online, _ = views(batch=8)
    model.mask_generator = GivenMask(torch.arange(16).expand(8, -1) >= 8)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    history = []
    for step in range(60):
        losses = model.loss([online, online])
        optimizer.zero_grad()
        total(losses).backward()
        model.set_progress(step, 60)
        optimizer.step()
        history.append(losses)
    assert history[-1]['loss_contrast'] < 0.3 * history[-1]['chance']
    assert history[-1]['loss_pixel'] < 0.8 * history[0]['loss_pixel']


def test_a_copy_has_its_own_online_network():
    clone = copy.deepcopy(build())
    with torch.no_grad():
        clone.projector.fc0.weight.fill_(7.0)
    clone.ema.update(0.0)
    assert torch.equal(clone.ema.projector.fc0.weight, clone.projector.fc0.weight)


def test_target_keeps_running_statistics_of_its_own():
    model = build()
    model.train()
    model.loss(views())
    own, online = model.ema.projector.bn0, model.projector.bn0
    assert own.running_mean.any() and not torch.equal(own.running_mean, online.running_mean)
    before = own.running_mean.clone()
    model.ema.update(model.ema.schedule(0, 10))
    assert torch.equal(own.running_mean, before)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(feature_decoder=None, **SHARED), 'needs a feature_decoder, which is None'),
        (
            dict(feature_decoder={**SMALL_DECODER, 'predict_feature_dim': 96}),
            'predicts 96 values per patch, but 48 are needed: set predict_feature_dim',
        ),
        (
            dict(
                feature_decoder={
                    **SMALL['feature_decoder'],
                    'decoder_embed_dim': 64,
                },
                **SHARED,
            ),
            'of width 64 cannot share those of a decoder of 2 blocks of width 32',
        ),
    ],
)
def test_parts_that_do_not_fit_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_images_that_patches_do_not_tile_are_an_error():
    with pytest.raises(ValueError, match='img_size=36 is not a multiple of patch_size=8'):
        build(backbone={**SMALL['backbone'], 'img_size': 36})


def _half_of_the_batch(rank, state, batch, hidden, expected_loss, expected_gradients):
    model = MODELS.build(SMALL).double()
    model.load_state_dict(state)
    half = slice(rank * 4, rank * 4 + 4)
    model.mask_generator = GivenMask(hidden[half])
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    loss = total(wrapped([view[half] for view in batch], mode='loss'))
    loss.backward()
    loss = loss.detach()
    torch.distributed.all_reduce(loss)
    torch.testing.assert_close(loss / 2, expected_loss)
    for name, param in model.named_parameters():
        if param.requires_grad:
            torch.testing.assert_close(
                param.grad, expected_gradients[name], msg=lambda text, name=name: f'{name}: {text}'
            )


def test_two_processes_equal_one():
    """Batch norms and keys are those of all processes: half a batch each is the whole batch."""
    model = build().double()
    batch = [view.double() for view in views(batch=8)]
    hidden = torch.stack([torch.randperm(16) for _ in range(8)]) >= 5
    state = copy.deepcopy(model.state_dict())
    model.mask_generator = GivenMask(hidden)
    loss = total(model.loss(batch))
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    run_on_two_processes(_half_of_the_batch, state, batch, hidden, loss.detach(), gradients)
