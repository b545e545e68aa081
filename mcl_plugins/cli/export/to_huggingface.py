"""Encoders as folders of Hugging Face's transformers: ``AutoModel.from_pretrained(FOLDER)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from ...checkpoint.layouts.beit import HF_BEIT
from ...checkpoint.layouts.swin import HF_SWIN
from ...checkpoint.layouts.vit import HF_VIT
from ...encoders import PretrainedEncoder
from .target import (
    Run,
    Target,
    Tokens,
    beit,
    first_is_class,
    plain_vit,
    refuse_unless,
    summary,
    swin,
)

NAME = "Hugging Face's transformers"


def write(encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` and ``preprocessor_config.json``."""
    import transformers  # noqa: PLC0415  an extra

    model, tensors = {'vit': _vit, 'beit': _beit, 'swin': _swin}[encoder.config.family](
        encoder, transformers
    )
    model.load_state_dict(_complete(tensors, model))
    model.config.mcl_plugins = summary(encoder)
    model.save_pretrained(folder)
    prepare = encoder.preprocess
    if len(prepare.mean) in (1, 3):
        transformers.BitImageProcessor(
            size={'shortest_edge': prepare.scale},
            crop_size={'height': prepare.size, 'width': prepare.size},
            resample=Image.Resampling.BICUBIC,
            image_mean=[value / 255 for value in prepare.mean],
            image_std=[value / 255 for value in prepare.std],
            do_convert_rgb=len(prepare.mean) == 3,
        ).save_pretrained(folder)


def _complete(tensors: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor]:
    """Add the constants that transformers stores."""
    own = model.state_dict()
    return {**{name: own[name] for name in own if name.endswith('_index')}, **tensors}


def _sizes(encoder: PretrainedEncoder) -> dict[str, Any]:
    config = encoder.config
    return dict(
        image_size=config.img_size,
        patch_size=config.patch_size,
        num_channels=config.in_channels,
        layer_norm_eps=config.eps,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def _blocks(encoder: PretrainedEncoder) -> dict[str, Any]:
    arch = encoder.config.arch
    return dict(
        hidden_size=arch['embed_dims'],
        num_hidden_layers=arch['num_layers'],
        num_attention_heads=arch['num_heads'],
        intermediate_size=arch['feedforward_channels'],
    )


def _vit(encoder: PretrainedEncoder, transformers: Any) -> tuple[Any, dict]:
    tensors = plain_vit(encoder, NAME)
    refuse_unless(not encoder.config.mean_norm, NAME, 'norm after the mean of the patches')
    bias = encoder.config.options.get('qkv_bias', True)
    config = transformers.ViTConfig(**_sizes(encoder), **_blocks(encoder), qkv_bias=bias)
    return transformers.ViTModel(config, add_pooling_layer=False), HF_VIT.to_theirs(tensors)


def _beit(encoder: PretrainedEncoder, transformers: Any) -> tuple[Any, dict]:
    options, mean_norm = encoder.config.options, encoder.config.mean_norm
    tensors = beit(encoder, NAME)
    refuse_unless(options['final_norm'] != mean_norm, NAME, 'BEiT with both norms or with none')
    config = transformers.BeitConfig(
        **_sizes(encoder),
        **_blocks(encoder),
        use_mask_token=False,
        use_absolute_position_embeddings=options['use_abs_pos_emb'],
        use_relative_position_bias=options['use_rel_pos_bias']
        or options['use_shared_rel_pos_bias'],
        layer_scale_init_value=options.get('layer_scale_init_value', 0.1),
        drop_path_rate=0.0,
        use_mean_pooling=mean_norm,
    )
    model = transformers.BeitModel(config, add_pooling_layer=mean_norm)
    return model, HF_BEIT.to_theirs(tensors)


def _swin(encoder: PretrainedEncoder, transformers: Any) -> tuple[Any, dict]:
    arch, options = encoder.config.arch, encoder.config.options
    tensors = swin(encoder, NAME)
    config = transformers.SwinConfig(
        **_sizes(encoder),
        embed_dim=arch['embed_dims'],
        depths=list(arch['depths']),
        num_heads=list(arch['num_heads']),
        window_size=options['window_size'],
        qkv_bias=options.get('qkv_bias', True),
        drop_path_rate=0.0,
    )
    return transformers.SwinModel(config, add_pooling_layer=False), HF_SWIN.to_theirs(tensors)


def read(encoder: PretrainedEncoder, folder: Path) -> Run:
    """Load the folder with transformers."""
    import transformers  # noqa: PLC0415  an extra

    model = transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    has_class_token = encoder.config.family != 'swin'

    def run(images: torch.Tensor) -> Tokens:
        tokens = model(images).last_hidden_state
        return first_is_class(tokens) if has_class_token else Tokens(tokens)

    return run


TARGET = Target(
    NAME,
    'transformers',
    ('vit', 'beit', 'swin'),
    write,
    read,
    """from transformers import AutoImageProcessor, AutoModel

model = AutoModel.from_pretrained('{folder}', add_pooling_layer=False).eval()
prepare = AutoImageProcessor.from_pretrained('{folder}')
tokens = model(**prepare(image, return_tensors='pt')).last_hidden_state""",
    ('transformers',),
)
