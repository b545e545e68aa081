"""Read the architecture of an encoder from the names and shapes of its tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..layers.position_tables import TABLE
from .config import EncoderConfig, Family

_QKV = 'attn.qkv.bias'
_HEAD_WIDTH = 64  # of ViT-Ti, S, B, L, and of DINOv2's giant
_WIDEST = 1664  # encoder of which anything is known here
# Heads of published ViTs, as timm builds them, that are not 64 wide: SO400M, H, g (EVA's, too), G.
_OTHER_HEADS = {1152: 16, 1280: 16, 1408: 16, 1664: 16}
_GIANT_OPT = 1536  # width of SigLIP 2's giant, which has 16 heads where DINOv2's has 24


def find_family(tensors: Mapping[str, Tensor]) -> Family:
    """Return the family of an encoder, whose tensors have this package's names.

    Example:
        >>> import torch
        >>> find_family({'stages.0.blocks.0.norm1.weight': torch.ones(96)})
        'swin'
    """
    if any(name.startswith('stages.') for name in tensors):
        return 'swin'
    if 'patch_embeds.0.projection.weight' in tensors:
        return 'hybrid'
    if 'register_tokens' in tensors:
        return 'dino'
    marks = (TABLE, 'attn.q_bias', '.gamma_1')
    return 'beit' if any(name.endswith(marks) for name in tensors) else 'vit'


def read_config(
    tensors: Mapping[str, Tensor],
    num_heads: int | None = None,
    img_size: int | None = None,
    eps: float | None = None,
) -> EncoderConfig:
    """Read the architecture of an encoder.

    Args:
        tensors: its tensors by this package's names.
        num_heads: number of attention heads, which the tensors of a plain ViT do not show; by
            default that of the published ViT of this width.
        img_size: side of the images, which the tensors of a Swin do not show; by default the
            smallest one.
        eps: of the layer norms; by default that of the family.

    Raises:
        ValueError: the number of heads cannot be known, or positions are of no square grid.
    """
    family = find_family(tensors)
    read = {'vit': _vit, 'beit': _beit, 'swin': _swin, 'hybrid': _hybrid, 'dino': _dino}[family]
    return read(tensors, num_heads, img_size, eps)


def _vit(tensors: Mapping, num_heads: int | None, img_size: int | None, eps: Any) -> EncoderConfig:
    projection = tensors['patch_embed.projection.weight']
    width, patch = projection.shape[0], projection.shape[-1]
    options: dict[str, Any] = dict(final_norm='ln1.weight' in tensors, out_type='raw')
    if 'cls_token' not in tensors:
        options['with_cls_token'] = False
    if 'pre_norm.weight' in tensors:
        options['pre_norm'] = True
    if f'layers.0.{_QKV}' not in tensors:
        options['qkv_bias'] = False
    if 'layers.0.attn.gamma1.weight' in tensors:
        options['layer_scale_init_value'] = 1e-5
    if 'layers.0.ffn.w12.weight' in tensors:
        options['layer_cfgs'] = dict(ffn_type='swiglu_fused')
        hidden = _swiglu_width(tensors['layers.0.ffn.w3.weight'].shape[1])
    else:
        hidden = tensors['layers.0.ffn.layers.0.0.weight'].shape[0]
    positions = tensors['pos_embed'].shape[1] - ('cls_token' in tensors)
    return EncoderConfig(
        'vit',
        _arch(tensors, width, num_heads or _heads(tensors, width), hidden),
        _side(positions) * patch,
        patch,
        projection.shape[1],
        eps or 1e-6,
        options,
        mean_norm='ln2.weight' in tensors,
    )


def _dino(tensors: Mapping, num_heads: int | None, img_size: int | None, eps: Any) -> EncoderConfig:
    patch = tensors['patch_embed.projection.weight'].shape[-1]
    rotary = 'pos_embed' not in tensors
    own = {'num_registers': tensors['register_tokens'].shape[1], 'rotary': rotary}
    if 'cls_token' not in tensors:
        raise ValueError('the encoder has registers and no class token; DINO has both')
    if rotary:  # any size will do
        width = tensors['cls_token'].shape[-1]
        side = (img_size or 224) // patch
        tensors = {**tensors, 'pos_embed': torch.zeros(1, 1 + side**2, width)}
    config = _vit(tensors, num_heads, img_size, eps)
    return replace(config, family='dino', options={**config.options, **own})


def _beit(tensors: Mapping, num_heads: int | None, img_size: int | None, eps: Any) -> EncoderConfig:
    projection = tensors['patch_embed.projection.weight']
    width, patch = projection.shape[0], projection.shape[-1]
    shared, own = f'rel_pos_bias.{TABLE}', f'layers.0.attn.{TABLE}'
    table = tensors.get(own, tensors.get(shared))
    options: dict[str, Any] = dict(
        final_norm='ln1.weight' in tensors,
        out_type='raw',
        use_abs_pos_emb='pos_embed' in tensors,
        use_rel_pos_bias=own in tensors,
        use_shared_rel_pos_bias=shared in tensors and own not in tensors,
    )
    if f'layers.0.{_QKV}' in tensors or 'layers.0.attn.q_bias' not in tensors:
        options['bias'] = f'layers.0.{_QKV}' in tensors
    if 'layers.0.gamma_1' not in tensors:
        options['layer_scale_init_value'] = 0.0
    if table is not None:
        num_heads, grid = table.shape[1], (math.isqrt(len(table)) + 1) // 2
    elif 'pos_embed' in tensors:
        grid = _side(tensors['pos_embed'].shape[1] - 1)
    else:
        raise ValueError(
            'the encoder has neither position embeddings nor tables of relative positions: its '
            'positions may be rotary, which have no tensor, and its features would be wrong'
        )
    return EncoderConfig(
        'beit',
        _arch(
            tensors,
            width,
            num_heads or _heads(tensors, width),
            tensors['layers.0.ffn.layers.0.0.weight'].shape[0],
        ),
        grid * patch,
        patch,
        projection.shape[1],
        eps or 1e-6,
        options,
        mean_norm='ln2.weight' in tensors,
    )


def _swin(tensors: Mapping, num_heads: int | None, img_size: int | None, eps: Any) -> EncoderConfig:
    projection = tensors['patch_embed.projection.weight']
    patch = projection.shape[-1]
    blocks = [re.match(r'stages\.(\d+)\.blocks\.(\d+)\.', name) for name in tensors]
    numbers = {(int(found[1]), int(found[2])) for found in blocks if found}
    depths = [sum(stage == other for stage, _ in numbers) for other in _range_of(numbers)]
    tables = [
        tensors[f'stages.{stage}.blocks.0.attn.w_msa.{TABLE}'] for stage in range(len(depths))
    ]
    window = (math.isqrt(len(tables[0])) + 1) // 2
    options: dict[str, Any] = dict(window_size=window)
    if 'stages.0.blocks.0.norm2.running_mean' in tensors:
        options['mlp_norm'] = 'BN'
    if 'stages.0.blocks.0.attn.w_msa.qkv.bias' not in tensors:
        options['qkv_bias'] = False
    stride = patch * 2 ** (len(depths) - 1)
    return EncoderConfig(
        'swin',
        dict(
            embed_dims=projection.shape[0],
            depths=depths,
            num_heads=[table.shape[1] for table in tables],
        ),
        img_size or window * stride,
        patch,
        projection.shape[1],
        eps or 1e-5,
        options,
    )


def _hybrid(
    tensors: Mapping, num_heads: int | None, img_size: int | None, eps: Any
) -> EncoderConfig:
    widths = [tensors[f'patch_embeds.{stage}.projection.weight'].shape[0] for stage in range(3)]
    conv = [re.match(r'conv_stages\.(\d+)\.(\d+)\.', name) for name in tensors]
    numbers = {(int(found[1]), int(found[2])) for found in conv if found}
    depths = [sum(stage == other for stage, _ in numbers) for other in (0, 1)]
    return EncoderConfig(
        'hybrid',
        dict(
            embed_dims=widths,
            depths=[*depths, _count_layers(tensors)],
            num_heads=num_heads or _heads(tensors, widths[-1]),
        ),
        _side(tensors['pos_embed'].shape[1]) * 16,
        16,
        tensors['patch_embeds.0.projection.weight'].shape[1],
        1e-6,
        dict(
            final_norm='ln1.weight' in tensors,
            fused=any(name.startswith('fusions.') for name in tensors),
        ),
        mean_norm='ln2.weight' in tensors,
    )


def _arch(tensors: Mapping[str, Tensor], width: int, heads: int, hidden: int) -> dict[str, int]:
    return dict(
        embed_dims=width,
        num_layers=_count_layers(tensors),
        num_heads=heads,
        feedforward_channels=hidden,
    )


def _count_layers(tensors: Mapping[str, Tensor]) -> int:
    numbers = [re.match(r'layers\.(\d+)\.', name) for name in tensors]
    return max(int(found[1]) for found in numbers if found) + 1


def _heads(tensors: Mapping[str, Tensor], width: int) -> int:
    """Return the number of attention heads of the published encoders of a width.

    Raises:
        ValueError: there is none of this width.
    """
    if width == _GIANT_OPT and 'layers.0.ln1.weight' in tensors and 'cls_token' not in tensors:
        return 16
    if width in _OTHER_HEADS:
        return _OTHER_HEADS[width]
    if width % _HEAD_WIDTH or width > _WIDEST:
        raise ValueError(
            f'the number of attention heads of an encoder of width {width} is not in its tensors: '
            f'give arch, for example arch=dict(num_heads=...).'
        )
    return width // _HEAD_WIDTH


def _side(patches: int) -> int:
    side = math.isqrt(patches)
    if side * side != patches:
        raise ValueError(f'the {patches} positions of the encoder are of no square grid of patches')
    return side


def _range_of(numbers: set[tuple[int, int]]) -> range:
    return range(max(stage for stage, _ in numbers) + 1)


def _swiglu_width(hidden: int) -> int:
    """Return the ``feedforward_channels`` from which mmpretrain computes a SwiGLU's hidden width.

    It takes two thirds of them, rounded up to a multiple of 8.
    """
    return hidden * 3 // 2
