"""The pyramid of a ViT: mmseg's Feature2Pyramid, with a norm that works everywhere."""

import pytest
import torch
from mmseg.models.necks import Feature2Pyramid
from torch import nn

from mcl_plugins.necks import ViTPyramid


@pytest.mark.parametrize(
    'norm_cfg', [dict(type='mcl_plugins.SyncBN'), dict(type='GN', num_groups=4)]
)
def test_equals_mmsegs_pyramid(norm_cfg):
    theirs = Feature2Pyramid(
        8, norm_cfg=dict(type='BN') if 'SyncBN' in norm_cfg['type'] else norm_cfg
    )
    ours = ViTPyramid(8, norm_cfg=norm_cfg)
    ours.load_state_dict(theirs.state_dict())
    maps = [torch.randn(2, 8, 5, 6) for _ in range(4)]
    for got, expected, scale in zip(ours(maps), theirs(maps), (4, 2, 1, 0.5), strict=True):
        torch.testing.assert_close(got, expected)
        assert got.shape[-2:] == (int(5 * scale), int(6 * scale))


def test_starts_as_lecun_did():
    pyramid = ViTPyramid(
        96,
        norm_cfg=dict(type='GN', num_groups=32),
        init_cfg=dict(type='Kaiming', layer='ConvTranspose2d', nonlinearity='linear'),
    )
    pyramid.init_weights()
    layers = [layer for layer in pyramid.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert len(layers) == 3
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx((96 * 4) ** -0.5, rel=0.03)
        assert not layer.bias.any()


def test_another_number_of_maps_is_refused():
    with pytest.raises(ValueError, match='four maps, got 1: set out_indices'):
        ViTPyramid(4)([torch.zeros(1, 4, 2, 2)])


@pytest.mark.parametrize('size', [(1, 1), (1, 5), (3, 1), (2, 3)])
def test_images_of_one_patch_have_a_pyramid_too(size):
    """Of 20 x 24 px at half the scale, in test-time augmentation."""
    maps = [torch.randn(2, 8, *size) for _ in range(4)]
    *_, last = ViTPyramid(8, norm_cfg=dict(type='BN'))(maps)
    assert last.shape[-2:] == tuple(max(1, side // 2) for side in size)
    values = maps[3][..., : 2 * last.shape[-2], : 2 * last.shape[-1]]
    torch.testing.assert_close(last.amax((-1, -2)), values.amax((-1, -2)))
