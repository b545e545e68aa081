"""Rotary positions when blocks are recomputed, and encoders without a class token."""

import pytest
import torch

from mcl_plugins.backbones import BEiTViT, DeiT, DenseViT, DINOViT, MaskedBEiTViT
from mcl_plugins.detection import CAEViT
from mcl_plugins.segmentation import DenseBEiTViT, RelativeViT

ARCH = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
SIZES = dict(arch=ARCH, img_size=32, patch_size=8)
LAST = dict(out_indices=(1,))


@pytest.mark.parametrize('rotary', [True, False])
def test_images_of_two_sizes_before_one_backward_pass(rotary):
    """As in multi-crop training."""
    images, gradients = [torch.randn(2, 3, side, side) for side in (32, 48, 32)], []
    stored: list[list] = [[], []]
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = DINOViT(**SIZES, rotary=rotary, with_cp=with_cp, layer_scale_init_value=1.0)
        model.init_weights()
        model.train()
        keep = stored[with_cp].append
        with torch.autograd.graph.saved_tensors_hooks(lambda x, k=keep: k(1) or x, lambda x: x):
            loss = sum(model(batch)[0].square().mean() for batch in images)
        loss.backward()
        gradients.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(*gradients)
    assert len(stored[True]) < len(stored[False])


@pytest.mark.parametrize('kind', [DenseViT, CAEViT])
def test_dense_encoders_without_a_class_token(kind):
    model = kind(**SIZES, **LAST, with_cls_token=False)
    model.init_weights()
    assert model(torch.randn(2, 3, 32, 48))[0].shape == (2, 24, 4, 6)
    assert model.pos_embed.shape == (1, 16, 24)
    other = kind(**{**SIZES, 'img_size': 48}, **LAST, with_cls_token=False)
    other.load_state_dict(model.state_dict())
    images = torch.randn(1, 3, 48, 48)
    torch.testing.assert_close(other.eval()(images), model.eval()(images))


@pytest.mark.parametrize(
    ('kind', 'settings'),
    [
        (DeiT, dict(out_type='avg_featmap')),
        (BEiTViT, dict(use_rel_pos_bias=False, use_abs_pos_emb=True)),
    ],
)
def test_encoders_without_a_class_token_start(kind, settings):
    model = kind(**SIZES, **settings, with_cls_token=False)
    model.init_weights()
    assert model(torch.randn(2, 3, 32, 32))[0].shape == (2, 24)


@pytest.mark.parametrize(
    ('kind', 'settings', 'remedy'),
    [
        (DINOViT, {}, 'use VisionTransformer'),
        (BEiTViT, {}, 'use_rel_pos_bias=False'),
        (MaskedBEiTViT, {}, 'use_rel_pos_bias=False'),
        (DenseBEiTViT, LAST, 'use BEiTViT with'),
        (RelativeViT, LAST, 'use BEiTViT with'),
    ],
)
def test_encoders_that_need_their_class_token_say_so(kind, settings, remedy):
    with pytest.raises(
        ValueError, match=rf'with_cls_token=False: the .* {kind.__name__} .*{remedy}'
    ):
        kind(**SIZES, **settings, with_cls_token=False)
