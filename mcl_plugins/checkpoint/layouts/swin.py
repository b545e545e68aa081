"""Layouts of the Swin transformer."""

from __future__ import annotations

import re

from .layout import Layout, Step, Tensors
from .steps import CONSTANTS, LAST_NORM, MERGING, MERGING_FIRST, joined

_OURS = 'stages.{i}.blocks.{j}.'
_RELEASED = 'layers.{i}.blocks.{j}.'
_PAIRS = (
    ('mask_token', 'mask_token'),
    ('patch_embed.proj.', 'patch_embed.projection.'),
    ('patch_embed.norm.', 'patch_embed.norm.'),
    (f'{_RELEASED}attn.', f'{_OURS}attn.w_msa.'),
    (f'{_RELEASED}mlp.fc1.', f'{_OURS}ffn.layers.0.0.'),
    (f'{_RELEASED}mlp.fc2.', f'{_OURS}ffn.layers.1.'),
    (_RELEASED, _OURS),
    ('layers.{i}.downsample.', 'stages.{i}.downsample.'),
    ('norm.', 'last_norm.'),
)
_NEEDS = ('layers.0.blocks.0.attn.qkv.weight', 'patch_embed.proj.weight')
_AFTER = (LAST_NORM, MERGING, CONSTANTS)
RELEASED_SWIN = Layout(
    "Swin's released code (Swin, MoBY, SimMIM's Swin)",
    'swin',
    _PAIRS,
    needs=_NEEDS,
    one_of=('layers.0.downsample.reduction.weight',),
    lacks=('absolute_pos_embed', 'layers.0.blocks.0.attn.logit_scale'),
    after=_AFTER,
    eps=1e-5,
)
TIMM_SWIN = Layout(
    "timm's Swin",
    'swin',
    _PAIRS,
    needs=_NEEDS,
    lacks=('layers.0.downsample.reduction.weight', 'layers.0.blocks.0.attn.logit_scale'),
    before=(MERGING_FIRST,),
    after=_AFTER,
    eps=1e-5,
)
_HF = 'encoder.layers.{i}.blocks.{j}.'
HF_SWIN = Layout(
    "Hugging Face's Swin (SwinModel)",
    'swin',
    (
        ('embeddings.mask_token', 'mask_token'),
        ('embeddings.patch_embeddings.projection.', 'patch_embed.projection.'),
        ('embeddings.norm.', 'patch_embed.norm.'),
        (f'{_HF}layernorm_before.', f'{_OURS}norm1.'),
        (f'{_HF}layernorm_after.', f'{_OURS}norm2.'),
        (f'{_HF}attention.output.dense.', f'{_OURS}attn.w_msa.proj.'),
        (f'{_HF}attention.self.', f'{_OURS}attn.w_msa.'),
        (f'{_HF}intermediate.dense.', f'{_OURS}ffn.layers.0.0.'),
        (f'{_HF}output.dense.', f'{_OURS}ffn.layers.1.'),
        ('encoder.layers.{i}.downsample.', 'stages.{i}.downsample.'),
        ('layernorm.', 'last_norm.'),
    ),
    needs=(
        'encoder.layers.0.blocks.0.attention.self.query.weight',
        'embeddings.patch_embeddings.projection.weight',
    ),
    before=(joined('attention.self.'),),
    after=_AFTER,
    eps=1e-5,
)


def _from_torchvision(tensors: Tensors) -> Tensors:
    """Rename to the released code's names: torchvision counts embedding, stages and merging."""
    found = {}
    for name, tensor in tensors.items():
        parts = name.split('.')
        if parts[0] == 'features':
            number, rest = int(parts[1]), parts[2:]
            if number == 0:
                parts = ['patch_embed', {'0': 'proj', '2': 'norm'}[rest[0]], *rest[1:]]
            elif number % 2 == 0:
                parts = ['layers', str(number // 2 - 1), 'downsample', *rest]
            else:
                if rest[1] == 'mlp':
                    rest[2] = {'0': 'fc1', '3': 'fc2'}[rest[2]]
                parts = ['layers', str(number // 2), 'blocks', *rest]
        found['.'.join(parts)] = tensor
    return found


_TO_TORCHVISION = (
    (r'^patch_embed\.proj\.', lambda found: 'features.0.0.'),
    (r'^patch_embed\.norm\.', lambda found: 'features.0.2.'),
    (r'^layers\.(\d+)\.downsample\.', lambda found: f'features.{2 * int(found[1]) + 2}.'),
    (r'^layers\.(\d+)\.blocks\.', lambda found: f'features.{2 * int(found[1]) + 1}.'),
    (r'\.mlp\.fc1\.', lambda found: '.mlp.0.'),
    (r'\.mlp\.fc2\.', lambda found: '.mlp.3.'),
)


def _to_torchvision(tensors: Tensors) -> Tensors:
    found = {}
    for name, tensor in tensors.items():
        new = name
        for old, replacement in _TO_TORCHVISION:
            new = re.sub(old, replacement, new)
        found[new] = tensor
    return found


TORCHVISION_SWIN = Layout(
    "torchvision's Swin",
    'swin',
    _PAIRS,
    needs=('features.1.0.attn.qkv.weight', 'features.0.0.weight'),
    lacks=('features.1.0.attn.logit_scale',),
    before=(Step(_from_torchvision, _to_torchvision),),
    after=_AFTER,
    covers=('features.{i}.',),
    eps=1e-5,
)
OWN_SWIN = Layout(
    'mmpretrain, mmseg, mmdet and this package (Swin)',
    'swin',
    (
        ('mask_token', 'mask_token'),
        ('patch_embed.', 'patch_embed.'),
        ('stages.{i}.', 'stages.{i}.'),
        ('norm{i}.', 'norm{i}.'),
    ),
    needs=('stages.0.blocks.0.attn.w_msa.qkv.weight', 'patch_embed.projection.weight'),
    after=(CONSTANTS,),
    eps=1e-5,
)
