"""Attention maps of the class token against attention that is written out."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.evaluation.attention import class_attention_maps

ARCH = dict(embed_dims=24, num_layers=2, num_heads=3, feedforward_channels=48)
SIZES = dict(arch=ARCH, img_size=32, patch_size=8)
ENCODERS = {
    'plain': dict(type='mcl_plugins.VisionTransformer', **SIZES, qkv_bias=True),
    'without biases': dict(type='mcl_plugins.VisionTransformer', **SIZES, qkv_bias=False),
    "each block's positions": dict(type='mcl_plugins.BEiTViT', **SIZES),
    'shared positions': dict(
        type='mcl_plugins.BEiTViT', **SIZES, use_rel_pos_bias=False, use_shared_rel_pos_bias=True
    ),
    'class token with its masks': dict(type='mcl_plugins.MaskedViT', **SIZES),
}
DINOS = {
    'registers': dict(num_registers=4),
    'rotary positions': dict(num_registers=0, rotary=True),
    'registers, rotary positions': dict(num_registers=3, rotary=True),
}


def built(config):
    """An encoder whose every parameter is random, tables and biases too."""
    encoder = MODELS.build(config)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(std=0.3)
    encoder.eval()
    return encoder


def plain_attention(attention, tokens, bias):
    """(N, heads, T, T) from projections written out, head by head."""
    q_bias = k_bias = torch.zeros(24)
    if attention.qkv.bias is not None:
        q_bias, k_bias, _ = attention.qkv.bias.chunk(3)
    elif getattr(attention, 'q_bias', None) is not None:
        q_bias = attention.q_bias
    q_weight, k_weight, _ = attention.qkv.weight.chunk(3)
    q = (tokens @ q_weight.T + q_bias).unflatten(-1, (3, 8))
    k = (tokens @ k_weight.T + k_bias).unflatten(-1, (3, 8))
    heads = []
    for head in range(3):
        logits = q[:, :, head] @ k[:, :, head].transpose(1, 2) / 8**0.5
        heads.append((logits + (0 if bias is None else bias[head])).softmax(dim=-1))
    return torch.stack(heads, dim=1)


@pytest.mark.parametrize('name', ENCODERS)
@torch.no_grad()
def test_the_map_is_the_class_tokens_row_of_the_last_block(name):
    encoder = built(ENCODERS[name])
    images = torch.randn(2, 3, 32, 32)
    seen = []
    block = encoder.layers[-1]
    handle = block.ln1.register_forward_hook(lambda _, args, output: seen.append(output))
    maps = class_attention_maps(encoder, images)
    handle.remove()
    bias = None
    table = getattr(block.attn, 'relative_position_bias_table', None)
    owner = block.attn
    if table is None and getattr(encoder, 'rel_pos_bias', None) is not None:
        owner = encoder.rel_pos_bias
        table = owner.relative_position_bias_table
    if table is not None:
        bias = table[owner.relative_position_index].permute(2, 0, 1)
    expected = plain_attention(block.attn, seen[0], bias)[:, :, 0, 1:]
    assert maps.shape == (2, 3, 4, 4)
    torch.testing.assert_close(maps.flatten(2), expected, rtol=1e-4, atol=1e-6)
    assert (bias is not None) == ('positions' in name)


def turned(vectors, grid):
    """Rotary positions of (N, heads, L, width) patches, patch by patch and pair by pair."""
    quarter, result = vectors.shape[-1] // 4, vectors.clone()
    for patch in range(grid[0] * grid[1]):
        place = [2 * (i + 0.5) / n - 1 for i, n in zip(divmod(patch, grid[1]), grid, strict=True)]
        for pair in range(2 * quarter):
            period = 100 ** (pair % quarter / quarter)
            angle = 2 * math.pi * place[pair // quarter] / period
            a, b = vectors[:, :, patch, pair], vectors[:, :, patch, pair + 2 * quarter]
            result[:, :, patch, pair] = a * math.cos(angle) - b * math.sin(angle)
            result[:, :, patch, pair + 2 * quarter] = b * math.cos(angle) + a * math.sin(angle)
    return result


@pytest.mark.parametrize('size', [(32, 32), (24, 48)])
@pytest.mark.parametrize('name', DINOS)
@torch.no_grad()
def test_registers_are_left_out_and_keys_are_turned(name, size):
    options, grid = DINOS[name], (size[0] // 8, size[1] // 8)
    encoder = built(dict(type='mcl_plugins.DINOViT', **SIZES, **options))
    images, seen = torch.randn(2, 3, *size), []
    attention = encoder.layers[-1].attn
    handle = attention.qkv.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    encoder(images)
    handle.remove()
    maps = class_attention_maps(encoder, images)
    query, key, _ = attention.qkv(seen[0]).view(2, -1, 3, 3, 8).permute(2, 0, 3, 1, 4)
    first = 1 + options['num_registers']
    if options.get('rotary'):
        key = torch.cat((key[:, :, :first], turned(key[:, :, first:], grid)), dim=2)
    wanted = (query[:, :, 0, None] * key).sum(dim=-1).div(8**0.5).softmax(dim=-1)
    assert maps.shape == (2, 3, *grid)
    torch.testing.assert_close(maps.flatten(2), wanted[..., first:], rtol=1e-4, atol=1e-6)


def test_no_trace_is_left_and_no_swin_is_taken():
    encoder = built(ENCODERS['plain'])
    class_attention_maps(encoder, torch.randn(1, 3, 32, 32))
    assert not encoder.layers[-1]._forward_pre_hooks
    assert not encoder.patch_embed._forward_hooks
    swin = MODELS.build(
        dict(
            type='mcl_plugins.SwinTransformer',
            arch=dict(embed_dims=16, depths=(1, 1), num_heads=(2, 4)),
            img_size=32, patch_size=2, window_size=4,
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match='SwinTransformer has no class token'):
        class_attention_maps(swin, torch.randn(1, 3, 32, 32))
