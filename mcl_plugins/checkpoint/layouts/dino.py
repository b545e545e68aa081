"""Layouts of DINOv2 with registers, and of DINOv3."""

from __future__ import annotations

import math

import torch

from ..renaming import vit_blocks
from .layout import Layout, Step, Tensors
from .steps import joined
from .vit import OURS

_BLOCKS = (
    ('blocks.{i}.ls1.gamma', f'{OURS}attn.gamma1.weight'),
    ('blocks.{i}.ls2.gamma', f'{OURS}ffn.gamma2.weight'),
    ('blocks.{i}.gamma_1', f'{OURS}attn.gamma1.weight'),
    ('blocks.{i}.gamma_2', f'{OURS}ffn.gamma2.weight'),
    ('blocks.{i}.mlp.w12.', f'{OURS}ffn.w12.'),
    ('blocks.{i}.mlp.w3.', f'{OURS}ffn.w3.'),
    *vit_blocks('blocks.{i}.', OURS),
)
_TOP = (
    ('cls_token', 'cls_token'),
    ('mask_token', 'mask_token'),
    ('pos_embed', 'pos_embed'),
    ('register_tokens', 'register_tokens'),
    ('storage_tokens', 'register_tokens'),
    ('reg_token', 'register_tokens'),
    ('patch_embed.proj.', 'patch_embed.projection.'),
    ('norm.', 'ln1.'),
)
_NEEDS = ('blocks.0.attn.qkv.weight', 'patch_embed.proj.weight')


def _with_row_of_class_token(tensors: Tensors) -> Tensors:
    """Give the class token a position of zero, where it has none of its own (timm)."""
    positions = tensors.get('pos_embed')
    if positions is None or math.isqrt(positions.shape[1]) ** 2 != positions.shape[1]:
        return tensors
    return {**tensors, 'pos_embed': torch.cat((torch.zeros_like(positions[:, :1]), positions), 1)}


def _with_bias_of_keys(tensors: Tensors) -> Tensors:
    """Write the bias of queries, keys and values as one; that of the keys is zero."""
    found = {}
    for name, tensor in tensors.items():
        if name.endswith('attn.qkv.bias'):
            mask = tensors.get(f'{name}_mask', torch.ones_like(tensor))
            found[name] = tensor * mask.nan_to_num(0.0)
        elif name.endswith('attn.q_bias'):
            block = name.removesuffix('q_bias')
            parts = (tensor, torch.zeros_like(tensor), tensors[f'{block}v_bias'])
            found[f'{block}qkv.bias'] = torch.cat(parts)
        elif name.endswith('attention.q_proj.bias'):
            found[name] = tensor
            found[name.replace('q_proj', 'k_proj')] = torch.zeros_like(tensor)
        elif not name.endswith(('v_bias', 'k_bias', 'bias_mask', 'k_proj.bias')):
            found[name] = tensor
    return found


def _unchanged(tensors: Tensors) -> Tensors:
    return tensors


_BIAS = Step(_with_bias_of_keys, _unchanged)
_POSITIONS = Step(_with_row_of_class_token, _unchanged)
DINOV2_REGISTERS = Layout(
    'DINOv2 with registers (released code and timm)',
    'dino',
    (*_TOP, *_BLOCKS),
    needs=(*_NEEDS, 'pos_embed'),
    one_of=('register_tokens', 'reg_token'),
    after=(_POSITIONS,),
)
DINOV3 = Layout(
    'DINOv3 (released code and timm)',
    'dino',
    (*_TOP, *_BLOCKS),
    needs=_NEEDS,
    one_of=('storage_tokens', 'reg_token'),
    lacks=('pos_embed', 'blocks.0.mlp.w1.weight', 'blocks.0.mlp.fc1_g.weight'),
    before=(_BIAS,),
    eps=1e-5,
)
_HF2, _HF3 = 'encoder.layer.{i}.', 'layer.{i}.'
_HF_TOP = (
    ('embeddings.cls_token', 'cls_token'),
    ('embeddings.mask_token', 'mask_token'),
    ('embeddings.register_tokens', 'register_tokens'),
)
HF_DINOV2_REGISTERS = Layout(
    "Hugging Face's DINOv2 with registers (Dinov2WithRegistersModel)",
    'dino',
    (
        *_HF_TOP,
        ('embeddings.position_embeddings', 'pos_embed'),
        ('embeddings.patch_embeddings.projection.', 'patch_embed.projection.'),
        (f'{_HF2}norm1.', f'{OURS}ln1.'),
        (f'{_HF2}norm2.', f'{OURS}ln2.'),
        (f'{_HF2}layer_scale1.lambda1', f'{OURS}attn.gamma1.weight'),
        (f'{_HF2}layer_scale2.lambda1', f'{OURS}ffn.gamma2.weight'),
        (f'{_HF2}attention.output.dense.', f'{OURS}attn.proj.'),
        (f'{_HF2}attention.attention.', f'{OURS}attn.'),
        (f'{_HF2}mlp.fc1.', f'{OURS}ffn.layers.0.0.'),
        (f'{_HF2}mlp.fc2.', f'{OURS}ffn.layers.1.'),
        (f'{_HF2}mlp.weights_in.', f'{OURS}ffn.w12.'),
        (f'{_HF2}mlp.weights_out.', f'{OURS}ffn.w3.'),
        ('layernorm.', 'ln1.'),
    ),
    needs=('encoder.layer.0.attention.attention.query.weight', 'embeddings.register_tokens'),
    before=(joined('attention.attention.'),),
)
HF_DINOV3 = Layout(
    "Hugging Face's DINOv3 (DINOv3ViTModel)",
    'dino',
    (
        *_HF_TOP,
        ('embeddings.patch_embeddings.', 'patch_embed.projection.'),
        (f'{_HF3}norm1.', f'{OURS}ln1.'),
        (f'{_HF3}norm2.', f'{OURS}ln2.'),
        (f'{_HF3}layer_scale1.lambda1', f'{OURS}attn.gamma1.weight'),
        (f'{_HF3}layer_scale2.lambda1', f'{OURS}ffn.gamma2.weight'),
        (f'{_HF3}attention.o_proj.', f'{OURS}attn.proj.'),
        (f'{_HF3}attention.', f'{OURS}attn.'),
        (f'{_HF3}mlp.up_proj.', f'{OURS}ffn.layers.0.0.'),
        (f'{_HF3}mlp.down_proj.', f'{OURS}ffn.layers.1.'),
        ('norm.', 'ln1.'),
    ),
    needs=('layer.0.attention.q_proj.weight', 'embeddings.register_tokens'),
    lacks=('layer.0.mlp.gate_proj.weight',),
    before=(_BIAS, joined('attention.', 'q_proj', 'k_proj', 'v_proj')),
    eps=1e-5,
)
DINO_LAYOUTS = (DINOV2_REGISTERS, DINOV3, HF_DINOV2_REGISTERS, HF_DINOV3)
