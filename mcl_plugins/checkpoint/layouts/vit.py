"""Layouts of plain vision transformers."""

from __future__ import annotations

from ..renaming import vit_blocks
from .layout import Layout
from .steps import CONSTANTS, joined

OURS = 'layers.{i}.'

# MAE, MoCo v3, DINO, DeiT and ccMIM take timm's blocks; DINOv2 adds layer scale (ls1, ls2).
TIMM_VIT = Layout(
    "timm's ViT (MAE, MoCo v3, DINO, DINOv2, DeiT)",
    'vit',
    (
        ('cls_token', 'cls_token'),
        ('pos_embed', 'pos_embed'),
        ('mask_token', 'mask_token'),
        ('patch_embed.proj.', 'patch_embed.projection.'),
        ('norm_pre.', 'pre_norm.'),
        ('blocks.{i}.ls1.gamma', f'{OURS}attn.gamma1.weight'),
        ('blocks.{i}.ls2.gamma', f'{OURS}ffn.gamma2.weight'),
        ('blocks.{i}.mlp.w12.', f'{OURS}ffn.w12.'),
        ('blocks.{i}.mlp.w3.', f'{OURS}ffn.w3.'),
        *vit_blocks('blocks.{i}.', OURS),
        ('norm.', 'ln1.'),
        ('fc_norm.', 'ln2.'),
    ),
    needs=('blocks.0.attn.qkv.weight', 'patch_embed.proj.weight', 'pos_embed'),
    lacks=(
        'blocks.0.attn.q_bias',
        'blocks.0.gamma_1',
        'blocks.0.attn.relative_position_bias_table',
        'rel_pos_bias.relative_position_bias_table',
        'register_tokens',
        'reg_token',
    ),
)
_HF = 'encoder.layer.{i}.'
_HF_EMBEDDINGS = (
    ('embeddings.cls_token', 'cls_token'),
    ('embeddings.position_embeddings', 'pos_embed'),
    ('embeddings.mask_token', 'mask_token'),
    ('embeddings.patch_embeddings.projection.', 'patch_embed.projection.'),
)
HF_VIT = Layout(
    "Hugging Face's ViT (ViTModel, DeiT, ViTMAE, IJepa)",
    'vit',
    (
        *_HF_EMBEDDINGS,
        (f'{_HF}layernorm_before.', f'{OURS}ln1.'),
        (f'{_HF}layernorm_after.', f'{OURS}ln2.'),
        (f'{_HF}attention.output.dense.', f'{OURS}attn.proj.'),
        (f'{_HF}attention.attention.', f'{OURS}attn.'),
        (f'{_HF}intermediate.dense.', f'{OURS}ffn.layers.0.0.'),
        (f'{_HF}output.dense.', f'{OURS}ffn.layers.1.'),
        ('layernorm.', 'ln1.'),
    ),
    needs=('encoder.layer.0.attention.attention.query.weight', 'embeddings.position_embeddings'),
    one_of=('encoder.layer.0.layernorm_before.weight',),
    lacks=('encoder.layer.0.lambda_1', 'embeddings.distillation_token'),
    before=(joined('attention.attention.'),),
    eps=1e-12,
)
HF_DINOV2 = Layout(
    "Hugging Face's DINOv2 (Dinov2Model)",
    'vit',
    (
        *_HF_EMBEDDINGS,
        (f'{_HF}norm1.', f'{OURS}ln1.'),
        (f'{_HF}norm2.', f'{OURS}ln2.'),
        (f'{_HF}layer_scale1.lambda1', f'{OURS}attn.gamma1.weight'),
        (f'{_HF}layer_scale2.lambda1', f'{OURS}ffn.gamma2.weight'),
        (f'{_HF}attention.output.dense.', f'{OURS}attn.proj.'),
        (f'{_HF}attention.attention.', f'{OURS}attn.'),
        (f'{_HF}mlp.fc1.', f'{OURS}ffn.layers.0.0.'),
        (f'{_HF}mlp.fc2.', f'{OURS}ffn.layers.1.'),
        (f'{_HF}mlp.weights_in.', f'{OURS}ffn.w12.'),
        (f'{_HF}mlp.weights_out.', f'{OURS}ffn.w3.'),
        ('layernorm.', 'ln1.'),
    ),
    needs=('encoder.layer.0.attention.attention.query.weight', 'encoder.layer.0.norm1.weight'),
    lacks=('embeddings.register_tokens',),
    before=(joined('attention.attention.'),),
)
_TV = 'encoder.layers.encoder_layer_{i}.'
TORCHVISION_VIT = Layout(
    "torchvision's ViT",
    'vit',
    (
        ('class_token', 'cls_token'),
        ('encoder.pos_embedding', 'pos_embed'),
        ('conv_proj.', 'patch_embed.projection.'),
        (f'{_TV}ln_1.', f'{OURS}ln1.'),
        (f'{_TV}ln_2.', f'{OURS}ln2.'),
        (f'{_TV}self_attention.in_proj_', f'{OURS}attn.qkv.'),
        (f'{_TV}self_attention.out_proj.', f'{OURS}attn.proj.'),
        (f'{_TV}mlp.0.', f'{OURS}ffn.layers.0.0.'),
        (f'{_TV}mlp.3.', f'{OURS}ffn.layers.1.'),
        (f'{_TV}mlp.linear_1.', f'{OURS}ffn.layers.0.0.'),  # before version 0.13
        (f'{_TV}mlp.linear_2.', f'{OURS}ffn.layers.1.'),
        ('encoder.ln.', 'ln1.'),
    ),
    needs=('encoder.layers.encoder_layer_0.self_attention.in_proj_weight', 'conv_proj.weight'),
)
MMSEG_VIT = Layout(
    "mmseg's ViT",
    'vit',
    (
        (f'{OURS}attn.attn.in_proj_', f'{OURS}attn.qkv.'),
        (f'{OURS}attn.attn.out_proj.', f'{OURS}attn.proj.'),
        (OURS, OURS),
        ('cls_token', 'cls_token'),
        ('pos_embed', 'pos_embed'),
        ('patch_embed.', 'patch_embed.'),
        ('ln1.', 'ln1.'),
    ),
    needs=('layers.0.attn.attn.in_proj_weight', 'patch_embed.projection.weight'),
)
OWN_VIT = Layout(
    'mmpretrain and this package (ViT, BEiT)',
    '',
    tuple(
        (name, name)
        for name in (
            'cls_token',
            'pos_embed',
            'register_tokens',
            'mask_token',
            'rel_pos_bias.',
            'patch_embed.',
            'patch_embeds.{i}.',
            'conv_stages.{i}.',
            'projection.',
            'fusions.',
            'layers.{i}.',
            'pre_norm.',
            'ln1.',
            'ln2.',
        )
    ),
    needs=('layers.0.attn.qkv.weight', 'layers.0.ln1.weight'),
    after=(CONSTANTS,),
)
