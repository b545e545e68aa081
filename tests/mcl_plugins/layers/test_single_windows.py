"""Frozen Swin encoders take images of any size, and compute what was trained."""

import pytest
import torch

from mcl_plugins.backbones import SwinTransformer
from mcl_plugins.layers.fused_window_attention import keep_single_windows

ARCH = dict(embed_dims=24, depths=(2, 2), num_heads=(2, 4))


def build(**options):
    """Maps of 8 x 8 and 4 x 4 at 32 px, and windows of 4 x 4."""
    torch.manual_seed(0)
    model = SwinTransformer(ARCH, img_size=32, window_size=4, **options).eval()
    model.init_weights()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize('size', [32, 64])
def test_padding_changes_nothing_where_nothing_is_padded(size):
    """With mmpretrain's rule the last stage at 32 px, of one window, would be shifted."""
    images = torch.randn(2, 3, size, size)
    trained, padded = build(), build(pad_small_map=True)
    (expected,) = trained(images)
    shifted = not torch.allclose(padded(images)[0], expected, atol=1e-3)
    assert shifted == (size == 32)
    keep_single_windows(padded)
    torch.testing.assert_close(padded(images)[0], expected)


def test_smaller_maps_are_padded_and_not_shifted():
    """What follows a large image is shifted again."""
    model = build(pad_small_map=True)
    keep_single_windows(model)
    large = torch.randn(2, 3, 64, 64)
    (before,) = model(large)
    (small,) = model(torch.randn(2, 3, 16, 16))
    assert small.shape[-2:] == (2, 2) and small.isfinite().all()
    torch.testing.assert_close(model(large)[0], before)
