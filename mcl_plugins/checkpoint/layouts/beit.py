"""Layouts of BEiT's vision transformer: relative positions, layer scale, no bias of keys."""

from __future__ import annotations

from ..renaming import vit_blocks
from .layout import Layout
from .steps import CONSTANTS, joined, without_bias_of_keys
from .vit import OURS

_MARKS = (
    'blocks.0.attn.q_bias',
    'blocks.0.gamma_1',
    'blocks.0.attn.relative_position_bias_table',
    'rel_pos_bias.relative_position_bias_table',
)
TIMM_BEIT = Layout(
    "BEiT's released code and timm (BEiT, ConMIM, SimMIM's ViT)",
    'beit',
    (
        ('cls_token', 'cls_token'),
        ('pos_embed', 'pos_embed'),
        ('mask_token', 'mask_token'),
        ('rel_pos_bias.', 'rel_pos_bias.'),
        ('patch_embed.proj.', 'patch_embed.projection.'),
        *vit_blocks('blocks.{i}.', OURS),
        ('norm.', 'ln1.'),
        ('fc_norm.', 'ln2.'),
    ),
    needs=('blocks.0.attn.qkv.weight', 'patch_embed.proj.weight'),
    one_of=_MARKS,
    lacks=('reg_token', 'storage_tokens', 'rope_embed.periods'),
    after=(CONSTANTS,),
)
_HF = 'encoder.layer.{i}.'
HF_BEIT = Layout(
    "Hugging Face's BEiT (BeitModel, Data2VecVision)",
    'beit',
    (
        ('embeddings.cls_token', 'cls_token'),
        ('embeddings.position_embeddings', 'pos_embed'),
        ('embeddings.mask_token', 'mask_token'),
        ('embeddings.patch_embeddings.projection.', 'patch_embed.projection.'),
        ('encoder.relative_position_bias.', 'rel_pos_bias.'),
        (f'{_HF}lambda_1', f'{OURS}gamma_1'),
        (f'{_HF}lambda_2', f'{OURS}gamma_2'),
        (f'{_HF}layernorm_before.', f'{OURS}ln1.'),
        (f'{_HF}layernorm_after.', f'{OURS}ln2.'),
        (f'{_HF}attention.output.dense.', f'{OURS}attn.proj.'),
        (
            f'{_HF}attention.attention.relative_position_bias.relative_',
            f'{OURS}attn.relative_',
        ),
        (f'{_HF}attention.attention.', f'{OURS}attn.'),
        (f'{_HF}intermediate.dense.', f'{OURS}ffn.layers.0.0.'),
        (f'{_HF}output.dense.', f'{OURS}ffn.layers.1.'),
        ('layernorm.', 'ln1.'),
        ('pooler.layernorm.', 'ln2.'),
    ),
    needs=(
        'encoder.layer.0.attention.attention.query.weight',
        'embeddings.patch_embeddings.projection.weight',
    ),
    one_of=(
        'encoder.layer.0.lambda_1',
        'encoder.relative_position_bias.relative_position_bias_table',
        'encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table',
    ),
    before=(without_bias_of_keys('attention.attention.'), joined('attention.attention.')),
    after=(CONSTANTS,),
    eps=1e-12,
)
