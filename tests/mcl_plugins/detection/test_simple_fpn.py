"""ViTDet's pyramid against a computation with plain functions."""

import pytest
import torch
from torch.nn import functional as F

from mcl_plugins.detection.simple_fpn import SimpleFPN
from mcl_plugins.detection.windowed_conv_vit import WindowedConvViT


def channel_norm(x, norm):
    mean = x.mean(1, keepdim=True)
    deviation = (x - mean).square().mean(1, keepdim=True).add(1e-6).sqrt()
    return (x - mean) / deviation * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)


def doubled(x, layer):
    """A transposed convolution of 2 x 2 and stride 2: each position becomes four of its own."""
    rows = torch.einsum('nchw,cdij->ndhiwj', x, layer.weight)
    return rows.flatten(4, 5).flatten(2, 3) + layer.bias.view(1, -1, 1, 1)


def test_pyramid_is_the_plain_computation():
    neck = SimpleFPN(8, 6)
    for parameter in neck.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 8, 4, 6)
    four, two, one, half = neck.levels
    maps = [
        doubled(F.gelu(channel_norm(doubled(x, four[0]), four[1])), four[3]),
        doubled(x, two[0]),
        x,
        x.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)),
    ]
    expected = []
    for level, start in zip((four, two, one, half), maps, strict=True):
        narrow, first, wide, second = list(level)[-4:]
        assert narrow.bias is None and wide.bias is None
        image = channel_norm(F.conv2d(start, narrow.weight), first)
        expected.append(channel_norm(F.conv2d(image, wide.weight, padding=1), second))
    expected.append(expected[-1][..., ::2, ::2])
    outputs = neck([x])
    assert [tuple(o.shape[1:]) for o in outputs] == [
        (6, 16, 24),
        (6, 8, 12),
        (6, 4, 6),
        (6, 2, 3),
        (6, 1, 2),
    ]
    for output, reference in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output, reference, rtol=1e-4, atol=1e-4)


def test_widths_halve_with_each_doubling():
    neck = SimpleFPN(768)
    assert [level[-4].in_channels for level in neck.levels] == [192, 384, 768, 768]


def test_bad_input():
    with pytest.raises(ValueError, match='in_channels=10'):
        SimpleFPN(10)
    with pytest.raises(ValueError, match='takes one map, got 2'):
        SimpleFPN(8)([torch.zeros(1, 8, 2, 2)] * 2)


@pytest.mark.parametrize('size', [(1, 1), (1, 5), (3, 1)])
def test_maps_of_one_position_have_a_pyramid_too(size):
    sizes = [level.shape[-2:] for level in SimpleFPN(8, 6)([torch.randn(1, 8, *size)])]
    half = tuple(max(1, side // 2) for side in size)
    assert sizes[3] == half and sizes[4] == tuple(-(-side // 2) for side in half)


def test_the_hybrid_encoder_of_one_patch_has_four_maps():
    model = WindowedConvViT(
        dict(embed_dims=(8, 12, 24), depths=(1, 1, 4), num_heads=2), img_size=16, window_size=1
    )
    assert [m.shape[-1] for m in model(torch.randn(1, 3, 16, 16))] == [4, 2, 1, 1]
