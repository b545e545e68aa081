"""ccMIM as a whole: who sees what, where gradients stop, variants, two processes."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from conftest import PIXEL_HEAD, PREPROCESSOR, SMALL_DECODER, SMALL_VIT, GivenMask
from mcl_plugins.mask_generators import PatchMask
from processes import run_on_two_processes

SMALL = dict(
    type='mcl_plugins.CcMIM',
    backbone=SMALL_VIT,
    decoder=SMALL_DECODER,
    projector=dict(
        type='NonLinearNeck',
        in_channels=48,
        hid_channels=48,
        out_channels=16,
        with_last_bn_affine=False,
        with_avg_pool=False,
        norm_cfg=dict(type='BN1d'),
        init_cfg=dict(type='Xavier', layer='Linear', distribution='uniform'),
    ),
    pixel_head=PIXEL_HEAD,
    contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.5, loss_weight=0.2),
    mask_generator=dict(type='mcl_plugins.ImportanceMask', mask_ratio=0.75),
    data_preprocessor=PREPROCESSOR,
)
ALIGN = dict(
    predictor=dict(
        type='NonLinearNeck',
        in_channels=16,
        hid_channels=8,
        out_channels=16,
        with_last_bn=False,
        with_last_bias=True,
        with_avg_pool=False,
        norm_cfg=dict(type='BN1d'),
    ),
    contrast_head=dict(type='mcl_plugins.CosineHead', loss_weight=0.2),
)
VARIANTS = {
    'default': {},
    'align': ALIGN,
    'Eq. 7': dict(contrast_head=dict(type='mcl_plugins.VisibleNegativesHead', temperature=0.5)),
    'Eq. 4': dict(importance=dict(blocks='last', kind='logit')),
    'random': dict(mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75)),
    'block': dict(mask_generator=dict(type='mcl_plugins.BlockMask', mask_ratio=0.75, min_area=2)),
    'most important': dict(
        mask_generator=dict(type='mcl_plugins.ImportanceMask', mask_ratio=0.75, sampling=False)
    ),
    'lambda 0': dict(
        contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.5, loss_weight=0.0)
    ),
}


def build(**changes):
    model = MODELS.build({**SMALL, **changes})
    model.init_weights()
    return model


def images(batch=6):
    return torch.randn(batch, 3, 32, 32)


def total(losses):
    return losses['loss_contrast'] + losses['loss_pixel']


@pytest.mark.parametrize('changes', VARIANTS.values(), ids=VARIANTS)
def test_every_parameter_gets_a_gradient(changes):
    model = build(**changes)
    losses = model.loss([images()])
    total(losses).backward()
    for name, param in model.named_parameters():
        assert param.grad is not None and param.grad.isfinite().all(), name
    assert model.draw_mask(images()).mask.sum(dim=1).tolist() == [12] * 6


def test_visible_and_hidden_patches_are_encoded_apart():
    """Each projector call sees the class token of one set, encoded without the other set."""
    model = build().double()
    batch = images().double()
    mask = PatchMask.from_mask(torch.stack([torch.randperm(16) for _ in range(6)]) >= 4)
    model.mask_generator = GivenMask(mask.mask)
    rows = []
    model.projector.register_forward_pre_hook(lambda _, args: rows.append(args[0][0]))
    model.loss([batch])
    patches = model.backbone.embed(batch)
    for (row, ids), grad in zip(
        zip(rows, (mask.ids_keep, mask.ids_mask), strict=True), (True, False), strict=True
    ):
        alone = torch.stack(
            [model.backbone.encode(p[i][None])[0, 0] for p, i in zip(patches, ids, strict=True)]
        )
        torch.testing.assert_close(row, alone)
        assert row.requires_grad == grad


def test_no_gradient_through_the_hidden_set_is_what_a_detached_key_gives():
    """The released code runs the hidden set with gradients that never arrive."""
    model = build().double()
    batch = images().double()
    hidden = torch.stack([torch.randperm(16) for _ in range(6)]) >= 4
    model.mask_generator = GivenMask(hidden)
    total(model.loss([batch])).backward()
    ours = {name: p.grad for name, p in model.named_parameters()}

    model.zero_grad()
    mask = model.draw_mask(batch)
    patches = model.backbone.embed(batch)
    tokens = model.backbone.encode(patches, mask.ids_keep)
    loss = model.pixel_head.loss(model.decoder(tokens, mask.ids_restore), batch, mask.mask)
    (query,) = model.projector((tokens[:, 0],))
    (key,) = model.projector((model.backbone.encode(patches, mask.ids_mask)[:, 0],))
    (loss + model.contrast_head(query, key.detach())['loss_contrast']).backward()
    for name, param in model.named_parameters():
        torch.testing.assert_close(ours[name], param.grad, msg=name)


def test_importance_is_that_of_the_current_weights():
    model = build()
    batch = images()
    importance = []
    model.mask_generator.register_forward_pre_hook(lambda _, args: importance.append(args[0]))
    for _ in range(2):
        model.loss([batch])
        wanted = model.backbone.class_attention(model.backbone.embed(batch))
        torch.testing.assert_close(importance[-1], wanted)
        # Probabilities of two blocks, without the class token's own share.
        assert (importance[-1].sum(dim=1) < 2).all() and (importance[-1] > 0).all()
        with torch.no_grad():
            for parameter in model.backbone.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    assert not torch.isclose(*importance, rtol=0.01).all()


@pytest.mark.parametrize('sampling', [True, False])
def test_bfloat16_autocast_stays_close_to_float32(sampling):
    """With the importance pass, whose half-precision weights must not serve the trained pass."""
    model = build(mask_generator={**SMALL['mask_generator'], 'sampling': sampling})
    batch = images()
    results = []
    for enabled in (False, True):
        torch.manual_seed(0)
        model.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled):
            loss = total(model.loss([batch]))
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in model.parameters())])
    (exact, *gradients), (rounded, *roughly) = results
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)
    for (name, _), ours, wanted in zip(model.named_parameters(), roughly, gradients, strict=True):
        assert (ours - wanted).norm() < 0.3 * wanted.norm() + 1e-4, name


def test_a_few_steps_learn_a_fixed_batch():
    model = build()
    batch = images(batch=8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history = []
    for _ in range(60):
        losses = model.loss([batch])
        optimizer.zero_grad()
        total(losses).backward()
        optimizer.step()
        history.append(losses)
    assert history[-1]['loss_contrast'] < 0.8 * history[-1]['chance']
    assert history[-1]['loss_pixel'] < 0.9 * history[0]['loss_pixel']


@pytest.mark.parametrize(
    ('part', 'setting', 'message'),
    [
        ('decoder', dict(num_patches=9), r'num_patches=9, but MaskedViT needs 16 \(4x4 patches'),
        ('decoder', dict(embed_dim=64), 'embed_dim=64, but MaskedViT needs 48'),
        ('decoder', dict(with_cls_token=False), 'with_cls_token=False, but MaskedViT needs True'),
        (
            'decoder',
            dict(predict_feature_dim=48),
            'predicts 48 values .* 192 are needed',
        ),
        ('pixel_head', dict(patch_size=16), 'patch_size=16, but the patches of MaskedViT are 8 px'),
    ],
)
def test_parts_that_do_not_fit_are_errors(part, setting, message):
    with pytest.raises(ValueError, match=message):
        build(**{part: {**SMALL[part], **setting}})


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(importance=dict(block='last')), "importance='block' is unknown"),
        (dict(importance=dict(kind='softmax')), "importance.kind='softmax' is unknown"),
        (dict(importance=dict(kind='logit'), **VARIANTS['random']), 'no effect with RandomMask'),
    ],
)
def test_importances_that_nobody_computes_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def _half_of_the_batch(rank, state, batch, hidden, expected_loss, expected_gradients):
    torch.manual_seed(0)
    model = MODELS.build(without_batch_norm()).double()
    model.load_state_dict(state)
    half = slice(rank * 4, rank * 4 + 4)
    model.mask_generator = GivenMask(hidden[half])
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    loss = total(wrapped([batch[half]], mode='loss'))
    loss.backward()
    loss = loss.detach()
    torch.distributed.all_reduce(loss)
    torch.testing.assert_close(loss / 2, expected_loss)
    for name, param in model.named_parameters():
        torch.testing.assert_close(
            param.grad, expected_gradients[name], msg=lambda text, name=name: f'{name}: {text}'
        )


def without_batch_norm():
    """The projector's statistics are those of a process, as released: layer norms instead."""
    norm_cfg = dict(type='LN')
    projector = {**SMALL['projector'], 'norm_cfg': norm_cfg, 'with_last_bn': False}
    return {**SMALL, 'projector': projector}


def test_two_processes_equal_one_but_for_batch_norm():
    model = build(**without_batch_norm()).double()
    batch = images(batch=8).double()
    hidden = torch.stack([torch.randperm(16) for _ in range(8)]) >= 4
    model.mask_generator = GivenMask(hidden)
    loss = total(model.loss([batch]))
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    run_on_two_processes(
        _half_of_the_batch, model.state_dict(), batch, hidden, loss.detach(), gradients
    )
