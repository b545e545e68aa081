"""The hybrid ViT: no hidden pixel leaks, and it computes what ConvMAE's does."""

import copy

import pytest
import torch
from mmpretrain.models.utils import LayerNorm2d
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from mcl_plugins.backbones import ConvViT, MaskedConvViT
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.layers.conv_blocks import ChannelNorm
from mcl_plugins.mask_generators import RandomMask

ARCH = dict(embed_dims=(16, 24, 48), depths=(2, 2, 2), num_heads=4)
GRID = (6, 6)
CPU = torch.device('cpu')


@pytest.fixture
def encoder():
    model = MODELS.build(dict(type='mcl_plugins.MaskedConvViT', arch=ARCH, img_size=96)).double()
    model.init_weights()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def images(batch=2):
    return torch.randn(batch, 3, 96, 96).double()


def pixels_of(hidden):
    return hidden.view(-1, 1, *GRID).repeat_interleave(16, 2).repeat_interleave(16, 3)


@pytest.mark.parametrize('unit', [1, 2])
def test_hidden_pixels_change_no_token(encoder, unit):
    mask = RandomMask(0.65, unit=unit)(2, GRID, CPU)
    batch = images()
    hidden = pixels_of(mask.mask)
    (before,) = encoder(batch, mask)
    assert before.shape == (2, mask.len_keep, 48)
    (after,) = encoder(torch.where(hidden, images(), batch), mask)
    assert torch.equal(before, after)
    (after,) = encoder(torch.where(hidden, batch, images()), mask)
    assert not torch.isclose(before, after).all(dim=-1).any()


def test_without_a_mask_neighbours_do_mix(encoder):
    """The test above would pass by chance if the convolutions saw nothing at all."""
    batch = images(batch=1)
    changed = batch.clone()
    changed[..., :16, :16] = 0
    maps = [next(iter(encoder._maps(x))) for x in (batch, changed)]
    moved = (maps[0] - maps[1]).abs().sum(dim=1)[0] > 0
    assert moved[:8, :8].all() and not moved[9:, 9:].any()  # two 5x5 filters reach 4 px


def plain_convmae(model, x, hidden):
    """ConvMAE's encoder in plain steps, all images with the same hidden patches."""
    state = model.state_dict()

    def norm(x, name, eps):
        channels = len(state[f'{name}.weight'])
        return F.layer_norm(x, (channels,), state[f'{name}.weight'], state[f'{name}.bias'], eps)

    def norm2d(x, name):
        return norm(x.permute(0, 2, 3, 1), name, 1e-5).permute(0, 3, 1, 2)

    def conv(x, name, **options):
        return F.conv2d(x, state[f'{name}.weight'], state[f'{name}.bias'], **options)

    def linear(x, name):
        return F.linear(x, state[f'{name}.weight'], state[f'{name}.bias'])

    visible = (~hidden).double().view(1, 1, *GRID)
    fused = []
    for stage, (stride, scale) in enumerate(((4, 4), (2, 2), (2, 1))):
        x = conv(x, f'patch_embeds.{stage}.projection', stride=stride)
        x = F.gelu(norm2d(x, f'patch_embeds.{stage}.ln'))
        if stage == 2:
            break
        seen = F.interpolate(visible, scale_factor=scale, mode='nearest')
        for block in range(2):
            name = f'conv_stages.{stage}.{block}'
            y = conv(norm2d(x, f'{name}.ln1'), f'{name}.conv1') * seen
            y = conv(y, f'{name}.attn', padding=2, groups=y.shape[1])
            x = x + conv(y, f'{name}.conv2')
            y = F.gelu(conv(norm2d(x, f'{name}.ln2'), f'{name}.ffn.0'))
            x = x + conv(y, f'{name}.ffn.2')
        fused.append(conv(x, f'fusions.{stage}', stride=scale).flatten(2).transpose(1, 2))
    x = linear(x.flatten(2).transpose(1, 2), 'projection') + state['pos_embed']
    x = x[:, ~hidden]
    for block in range(2):
        name = f'layers.{block}'
        y = linear(norm(x, f'{name}.ln1', 1e-6), f'{name}.attn.qkv')
        q, k, v = y.unflatten(-1, (3, 4, 12)).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-1, -2) / 12**0.5).softmax(dim=-1) @ v
        x = x + linear(y.transpose(1, 2).flatten(2), f'{name}.attn.proj')
        y = F.gelu(linear(norm(x, f'{name}.ln2', 1e-6), f'{name}.ffn.layers.0.0'))
        x = x + linear(y, f'{name}.ffn.layers.1')
    return norm(x + sum(stage[:, ~hidden] for stage in fused), 'ln1', 1e-6)


def test_computes_convmae(encoder):
    mask = RandomMask(0.5)(1, GRID, CPU)
    batch = images(batch=1)
    (tokens,) = encoder(batch, mask)
    in_raster_order = tokens[:, mask.ids_keep[0].argsort()]
    wanted = plain_convmae(encoder, batch, mask.mask[0])
    torch.testing.assert_close(in_raster_order, wanted)


def test_transfer_is_the_same_without_the_fusion(encoder, tmp_path):
    save_file({'state_dict': encoder.state_dict()}, tmp_path / 'e.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'e.pth'))
    model = ConvViT(ARCH, 96, final_norm=False, out_type='featmap', init_cfg=init_cfg).double()
    model.init_weights()
    for fusion in encoder.fusions:
        torch.nn.init.zeros_(fusion.weight)
        torch.nn.init.zeros_(fusion.bias)
    encoder.drop_final_norm()
    batch = images()
    (featmap,) = model(batch)
    torch.testing.assert_close(
        featmap.flatten(2).transpose(1, 2), encoder(batch)[0], rtol=1e-4, atol=1e-5
    )  # the file holds float64, the model was built in float32


def test_positions_are_resized_on_loading(encoder, tmp_path):
    save_file({'state_dict': encoder.state_dict()}, tmp_path / 'e.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'e.pth'))
    model = ConvViT(ARCH, 128, out_type='avg_featmap', init_cfg=init_cfg)
    model.init_weights()
    assert model(torch.randn(1, 3, 128, 128))[0].shape == (1, 48)
    grid = encoder.pos_embed.float().view(1, *GRID, 48).permute(0, 3, 1, 2)
    wanted = F.interpolate(grid, (8, 8), mode='bicubic').flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.pos_embed, wanted)


def test_is_as_large_as_vit_b():
    with torch.device('meta'):
        sizes = [sum(p.numel() for p in kind().parameters()) for kind in (ConvViT, MaskedConvViT)]
    assert sizes == [84_605_824, 88_782_208]


def test_layers_count_from_the_convolutions():
    model = ConvViT(ARCH, 96, out_type='avg_featmap')
    names = (
        'conv_stages.1.0.attn.bias',
        'layers.0.ln1.bias',
        'layers.1.ln1.bias',
        'ln2.bias',
    )
    depths = [model.get_layer_depth(f'backbone.{name}', 'backbone.') for name in names]
    assert depths == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert model.get_layer_depth('head.fc.weight', 'backbone.') == (3, 4)
    assert model.get_layer_depth('backbone.projection.weight', 'backbone.') == (0, 4)


def test_drop_path_rises_over_all_blocks():
    model = ConvViT(ARCH, 96, drop_path_rate=0.5)
    rates = [block.drop_path.drop_prob for stage in model.conv_stages for block in stage]
    rates += [layer.attn.out_drop.drop_prob for layer in model.layers]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(arch='large'), "Unknown arch 'large'.* dict with depths, embed_dims, num_heads"),
        (dict(img_size=100), 'img_size=100 is not a multiple of patch_size=16; use 96 or 112'),
        (dict(out_type='cls_token'), "out_type='cls_token' is unknown"),
    ],
)
def test_bad_arguments_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        ConvViT(**options)


def test_convolutions_compute_with_channels_last_what_mmpretrains_norm_gives():
    torch.manual_seed(0)
    model = ConvViT(dict(embed_dims=(8, 12, 24), depths=(2, 1, 1), num_heads=2), img_size=64)
    model.double()
    theirs = copy.deepcopy(model)
    for module in theirs.modules():
        if type(module) is ChannelNorm:
            module.__class__ = LayerNorm2d
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    outputs = [encoder(images)[0] for encoder in (model, theirs)]
    torch.testing.assert_close(*outputs)
    grads = [
        torch.autograd.grad(output.square().sum(), list(encoder.parameters()), allow_unused=True)
        for output, encoder in zip(outputs, (model, theirs), strict=True)
    ]
    torch.testing.assert_close(*grads)
    for ours in model._maps(images):
        assert ours.is_contiguous(memory_format=torch.channels_last)
    assert next(theirs._maps(images)).is_contiguous()
