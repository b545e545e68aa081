"""Class attention against plain sums, and ExtreMA's heads against their layers."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from mcl_plugins.necks import ClassAttentionBlocks


def shaken(config):
    module = MODELS.build(config)
    module.init_weights()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.double()


def norm(layer, x):
    centred = x - x.mean()
    return layer.weight * centred / (centred.square().mean() + 1e-6).sqrt() + layer.bias


def plain_block(block, token, patches, heads):
    """Pre-norm attention of the token to all tokens, head by head, then the MLP."""
    attn, width = block.attn, len(token) // heads
    rows = [norm(block.norm1, row) for row in (token, *patches)]
    query = attn.q.weight @ rows[0] + attn.q_bias
    keys = [attn.k.weight @ row for row in rows]  # a bias of all keys would change nothing
    values = [attn.v.weight @ row + attn.v_bias for row in rows]
    out = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        scores = [math.exp(query[part] @ key[part] / math.sqrt(width)) for key in keys]
        out.append(sum(s * v[part] for s, v in zip(scores, values, strict=True)) / sum(scores))
    update = attn.proj.weight @ torch.cat(out) + attn.proj.bias
    token = token + block.scale.weight * update
    hidden, last = block.ffn.layers[0][0], block.ffn.layers[1]
    x = F.gelu(hidden.weight @ norm(block.norm2, token) + hidden.bias)
    return token + block.ffn.gamma2.weight * (last.weight @ x + last.bias)


@torch.no_grad()
def test_blocks_equal_plain_sums():
    module = shaken(dict(type='mcl_plugins.ClassAttentionBlocks', embed_dims=12, num_heads=3))
    tokens = torch.randn(4, 6, 12).double()
    output = module(tokens)
    assert output.shape == (4, 1, 12)
    for image, (start, *patches) in enumerate(tokens):
        token = start
        for block in module.blocks:
            token = plain_block(block, token, patches, heads=3)
        torch.testing.assert_close(output[image, 0], norm(module.norm, token))


def test_blocks_start_near_the_identity():
    module = ClassAttentionBlocks(12, 3, num_blocks=2, layer_scale=0.1)
    module.init_weights()
    assert len(module.blocks) == 2
    for block in module.blocks:
        assert (block.scale.weight == 0.1).all() and (block.ffn.gamma2.weight == 0.1).all()
        assert not block.ffn.layers[0][0].bias.any()
        assert block.attn.q.weight.abs().max() <= math.sqrt(6 / 24)


def test_the_order_of_the_patches_does_not_matter():
    module = shaken(dict(type='mcl_plugins.ClassAttentionBlocks', embed_dims=12, num_heads=3))
    tokens = torch.randn(2, 6, 12).double()
    torch.testing.assert_close(module(tokens), module(tokens[:, [0, 3, 1, 5, 4, 2]]))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(num_heads=5), 'embed_dims=12 must be a multiple of num_heads=5'),
        (dict(num_blocks=0), 'num_blocks=0 .* class_attention=None'),
        (dict(layer_scale=0.0), 'layer_scale=0.0 must be positive'),
    ],
)
def test_what_cannot_work_is_an_error(settings, message):
    with pytest.raises(ValueError, match=message):
        ClassAttentionBlocks(**{'embed_dims': 12, 'num_heads': 3, **settings})


@torch.no_grad()
def test_extremas_heads_are_linear_norm_gelu_and_a_bare_last_layer():
    neck = shaken(
        dict(
            type='mcl_plugins.ExtreMANeck',
            in_channels=7,
            hid_channels=10,
            out_channels=5,
            num_layers=3,
        )
    )
    state = list(neck.state_dict().values())
    shapes = [(10, 7), (10,), (10,), (10,), (10, 10), (10,), (10,), (10,), (5, 10), (5,)]
    assert [tuple(value.shape) for value in state] == shapes
    x = rows = torch.randn(6, 7).double()
    for place in (0, 4):
        weight, bias, scale, shift = state[place : place + 4]
        x = x @ weight.T + bias
        x = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        x = F.gelu(x * scale + shift)
    (output,) = neck((rows,))
    torch.testing.assert_close(output, x @ state[8].T + state[9])
