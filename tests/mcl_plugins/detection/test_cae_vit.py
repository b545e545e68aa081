"""CAE's encoder for detection against BEiT's blocks, and where its weights come from."""

import pytest
import torch
from mmpretrain.models.utils import build_2d_sincos_position_embedding

from mcl_plugins.backbones import BEiTViT
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.detection import CAEViT

ARCH = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
SMALL = dict(arch=ARCH, img_size=64, patch_size=16, out_indices=(0, 1))


def reference(**settings):
    """BEiT's ViT of one image size, with absolute positions."""
    shape = dict(arch=ARCH, img_size=64, patch_size=16, layer_scale_init_value=0.1)
    form = dict(out_indices=[0, 1], out_type='featmap', final_norm=False)
    positions = dict(use_abs_pos_emb=True, use_rel_pos_bias=False)
    return BEiTViT(**{**shape, **form, **positions, **settings})


def test_it_computes_what_beits_blocks_compute():
    torch.manual_seed(0)
    model, other = CAEViT(**SMALL).eval(), reference().eval()
    model.init_weights()
    other.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(images), other(images))


def test_positions_are_fixed_sines_that_are_resized():
    model = CAEViT(**SMALL)
    model.init_weights()
    sines = build_2d_sincos_position_embedding((4, 4), 24, cls_token=True)
    torch.testing.assert_close(model.pos_embed, sines)
    assert 'pos_embed' not in dict(model.named_parameters())
    maps = model(torch.zeros(1, 3, 80, 90))
    assert [tuple(part.shape) for part in maps] == [(1, 24, 5, 6)] * 2


@pytest.mark.parametrize('positions', ['absolute', 'relative'])
def test_checkpoints_of_cae_and_beit(tmp_path, positions):
    torch.manual_seed(0)
    absolute = positions == 'absolute'
    trained = reference(use_abs_pos_emb=absolute, use_shared_rel_pos_bias=not absolute)
    trained.init_weights()
    state = {f'backbone.{name}': tensor for name, tensor in trained.state_dict().items()}
    save_file({'state_dict': state}, tmp_path / 'a.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'), prefix='backbone.')
    model = CAEViT(**SMALL, init_cfg=init)
    if not absolute:
        with pytest.raises(ValueError, match='pos_embed'):
            model.init_weights()
        model = CAEViT(**SMALL, init_cfg={**init, 'allow_missing': True})
    model.init_weights()
    own, theirs = model.state_dict(), trained.state_dict()
    for name in own:
        if name != 'pos_embed' or absolute:
            torch.testing.assert_close(own[name], theirs[name])
    if not absolute:
        sines = build_2d_sincos_position_embedding((4, 4), 24, cls_token=True)
        torch.testing.assert_close(own['pos_embed'], sines)
