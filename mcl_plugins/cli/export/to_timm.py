"""Encoders as folders of timm: ``timm.create_model('local-dir:FOLDER')``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ...checkpoint.layouts.beit import TIMM_BEIT
from ...checkpoint.layouts.swin import TIMM_SWIN
from ...checkpoint.layouts.vit import TIMM_VIT
from ...encoders import PretrainedEncoder
from .target import Run, Target, Tokens, beit, first_is_class, mlp_ratio, state_of, summary, swin

# The function of timm that builds a family; all sizes are overridden.
_ENTRY = {
    'vit': 'vit_base_patch16_224',
    'beit': 'beit_base_patch16_224',
    'swin': 'swin_tiny_patch4_window7_224',
}


def write(encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``."""
    config, prepare = encoder.config, encoder.preprocess
    tensors, arguments = {'vit': _vit, 'beit': _beit, 'swin': _swin}[config.family](encoder)
    description = {
        'architecture': _ENTRY[config.family],
        'num_classes': 0,
        'num_features': config.width,
        'global_pool': arguments['global_pool'],
        'model_args': arguments,
        'pretrained_cfg': {
            'num_classes': 0,
            'input_size': [config.in_channels, prepare.size, prepare.size],
            'mean': [value / 255 for value in prepare.mean],
            'std': [value / 255 for value in prepare.std],
            'interpolation': 'bicubic',
            'crop_pct': prepare.crop,
        },
        'mcl_plugins': summary(encoder),
    }
    (folder / 'config.json').write_text(json.dumps(description, indent=2) + '\n')
    save_file(tensors, folder / 'model.safetensors', {'format': 'pt'})


def _sizes(encoder: PretrainedEncoder) -> dict[str, Any]:
    config = encoder.config
    return dict(img_size=config.img_size, patch_size=config.patch_size, in_chans=config.in_channels)


def _vit(encoder: PretrainedEncoder) -> tuple[dict, dict]:
    config, options = encoder.config, encoder.config.options
    arguments = dict(
        **_sizes(encoder),
        embed_dim=config.arch['embed_dims'],
        depth=config.arch['num_layers'],
        num_heads=config.arch['num_heads'],
        mlp_ratio=mlp_ratio(config),
        qkv_bias=options.get('qkv_bias', True),
        class_token=config.has_class_token,
        pre_norm=options.get('pre_norm', False),
        final_norm=options['final_norm'] or config.mean_norm,
        fc_norm=config.mean_norm,
        global_pool='avg' if config.mean_norm or not config.has_class_token else 'token',
    )
    if 'layer_scale_init_value' in options:
        arguments['init_values'] = options['layer_scale_init_value']
    return TIMM_VIT.to_theirs(state_of(encoder)), arguments


def _beit(encoder: PretrainedEncoder) -> tuple[dict, dict]:
    config, options = encoder.config, encoder.config.options
    arguments = dict(
        **_sizes(encoder),
        embed_dim=config.arch['embed_dims'],
        depth=config.arch['num_layers'],
        num_heads=config.arch['num_heads'],
        mlp_ratio=mlp_ratio(config),
        qkv_bias=options.get('bias', True),
        use_abs_pos_emb=options['use_abs_pos_emb'],
        use_rel_pos_bias=options['use_rel_pos_bias'] or options['use_shared_rel_pos_bias'],
        init_values=options.get('layer_scale_init_value', 0.1) or None,
        global_pool='avg' if config.mean_norm else 'token',
    )
    return TIMM_BEIT.to_theirs(beit(encoder, 'timm')), arguments


def _swin(encoder: PretrainedEncoder) -> tuple[dict, dict]:
    config, options = encoder.config, encoder.config.options
    arguments = dict(
        **_sizes(encoder),
        embed_dim=config.arch['embed_dims'],
        depths=list(config.arch['depths']),
        num_heads=list(config.arch['num_heads']),
        window_size=options['window_size'],
        qkv_bias=options.get('qkv_bias', True),
        global_pool='avg',
    )
    return TIMM_SWIN.to_theirs(swin(encoder, 'timm')), arguments


def read(encoder: PretrainedEncoder, folder: Path) -> Run:
    """Load the folder with timm."""
    import timm  # noqa: PLC0415  an extra

    model: Any = timm.create_model(f'local-dir:{folder}', pretrained=True).eval()
    tokens = getattr(model, 'num_prefix_tokens', 0)

    def run(images: torch.Tensor) -> Tokens:
        features = model.forward_features(images)
        if features.ndim == 4:  # (N, rows, columns, D)
            return Tokens(features.flatten(1, 2))
        return first_is_class(features) if tokens else Tokens(features)

    return run


TARGET = Target(
    'timm',
    'timm',
    ('vit', 'beit', 'swin'),
    write,
    read,
    """import timm, torch

model = timm.create_model('local-dir:{folder}', pretrained=True).eval()
prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
tokens = model.forward_features(prepare(image)[None])""",
    ('timm',),
)
