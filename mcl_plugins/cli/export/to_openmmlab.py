"""Encoders for mmpretrain, mmseg and mmdet: a config of their own class, and its weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ...checkpoint.files import save_file
from ...checkpoint.layouts.vit import MMSEG_VIT
from ...encoders import PretrainedEncoder
from ...utils.compat import import_quietly, quiet_meshgrid
from .target import (
    Run,
    Target,
    Tensors,
    Tokens,
    beit,
    first_is_class,
    mlp_ratio,
    plain_vit,
    refuse_unless,
    state_of,
    swin,
)

Part = tuple[dict[str, Any], Tensors]


def write(library: str, encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``encoder.py``, whose ``model`` other configs inherit, and ``encoder.pth``."""
    family = encoder.config.family
    describe: dict[str, Callable[[PretrainedEncoder], Part]] = (
        {'vit': _vit, 'beit': _beit, 'swin': partial(_swin, 'mmpretrain')}
        if library == 'mmpretrain'
        else {'vit': _mmseg_vit, 'beit': _mmseg_beit, 'swin': partial(_swin, library)}
    )
    backbone, tensors = describe[family](encoder)
    # mmseg's ViT and BEiT take all names as they are, the others those with the prefix.
    prefix = '' if library == 'mmseg' and family != 'swin' else 'backbone.'
    init = dict(type='Pretrained', checkpoint='{{fileDirname}}/encoder.pth')
    if library == 'mmpretrain':
        init['prefix'] = prefix
    backbone['init_cfg'] = init
    prepare = encoder.preprocess
    model: dict[str, Any] = dict(backbone=backbone)
    preprocessor = dict(mean=list(prepare.mean), std=list(prepare.std))
    if library == 'mmpretrain':
        model = dict(type='ImageClassifier', **model)
        text = Config(dict(data_preprocessor=dict(**preprocessor, to_rgb=True), model=model))
    else:
        model['data_preprocessor'] = dict(
            **preprocessor, bgr_to_rgb=encoder.config.in_channels == 3
        )
        text = Config(dict(model=model))
    lines = f'# An encoder for {library}; README.md says where it is from.\n{text.pretty_text}'
    (folder / 'encoder.py').write_text(lines)
    save_file(
        {'state_dict': {prefix + name: tensor for name, tensor in tensors.items()}, 'meta': {}},
        folder / 'encoder.pth',
    )


def _vit(encoder: PretrainedEncoder) -> Part:
    """Describe a ViT for mmpretrain, whose class this package's derives from."""
    config, options = encoder.config, dict(encoder.config.options)
    if config.mean_norm:  # mmpretrain returns then only the mean
        options['out_type'] = 'avg_featmap'
    backbone = dict(type='VisionTransformer', **_mmpretrain_sizes(encoder), **options)
    return backbone, state_of(encoder)


def _beit(encoder: PretrainedEncoder) -> Part:
    options = {**encoder.config.options, 'use_shared_rel_pos_bias': False}
    options['use_rel_pos_bias'] |= encoder.config.options['use_shared_rel_pos_bias']
    if encoder.config.mean_norm:
        options['out_type'] = 'avg_featmap'
    return dict(type='BEiTViT', **_mmpretrain_sizes(encoder), **options), beit(
        encoder, 'mmpretrain'
    )


def _mmpretrain_sizes(encoder: PretrainedEncoder) -> dict[str, Any]:
    config = encoder.config
    return dict(
        arch=dict(config.arch),
        img_size=config.img_size,
        patch_size=config.patch_size,
        in_channels=config.in_channels,
        norm_cfg=dict(type='LN', eps=config.eps),
    )


def _swin(library: str, encoder: PretrainedEncoder) -> Part:
    config, options = encoder.config, encoder.config.options
    last = len(config.arch['depths']) - 1
    tensors = swin(encoder, library)
    common = dict(
        type='SwinTransformer',
        patch_size=config.patch_size,
        in_channels=config.in_channels,
        window_size=options['window_size'],
        out_indices=(last,),
        norm_cfg=dict(type='LN', eps=config.eps),
    )
    if library == 'mmpretrain':
        return dict(**common, arch=dict(config.arch), img_size=config.img_size), tensors
    return dict(
        **common,
        pretrain_img_size=config.img_size,
        embed_dims=config.arch['embed_dims'],
        depths=tuple(config.arch['depths']),
        num_heads=tuple(config.arch['num_heads']),
        strides=(config.patch_size, *(2,) * last),
        qkv_bias=options.get('qkv_bias', True),
        drop_path_rate=0.0,
    ), tensors


def _mmseg_vit(encoder: PretrainedEncoder) -> Part:
    config = encoder.config
    tensors = plain_vit(encoder, 'mmseg', final_norm=False)
    backbone = dict(
        type='VisionTransformer',
        **_mmseg_sizes(encoder),
        norm_cfg=dict(type='LN', eps=config.eps),
        qkv_bias=config.options.get('qkv_bias', True),
        patch_bias=True,
        final_norm=config.options['final_norm'],
        interpolate_mode='bicubic',
    )
    return backbone, MMSEG_VIT.to_theirs(_without_mean_norm(tensors))


def _mmseg_beit(encoder: PretrainedEncoder) -> Part:
    config, options = encoder.config, encoder.config.options
    tensors = beit(encoder, 'mmseg')
    tables = options['use_rel_pos_bias'] or options['use_shared_rel_pos_bias']
    refuse_unless(tables and not options['use_abs_pos_emb'], 'mmseg', 'BEiT of absolute positions')
    refuse_unless(options.get('bias') is None, 'mmseg', 'BEiT without bias')
    backbone = dict(
        type='BEiT',
        **_mmseg_sizes(encoder),
        norm_cfg=dict(type='LN', eps=config.eps),
        qv_bias=True,
        init_values=options.get('layer_scale_init_value', 0.1),
        final_norm=options['final_norm'],
    )
    refuse_unless(backbone['init_values'] > 0, 'mmseg', 'BEiT without layer scale')
    return backbone, _without_mean_norm(tensors)


def _mmseg_sizes(encoder: PretrainedEncoder) -> dict[str, Any]:
    config = encoder.config
    ratio = mlp_ratio(config)
    refuse_unless(ratio == int(ratio), 'mmseg', f'MLP that is {ratio} times as wide as the tokens')
    return dict(
        img_size=config.img_size,
        patch_size=config.patch_size,
        in_channels=config.in_channels,
        embed_dims=config.arch['embed_dims'],
        num_layers=config.arch['num_layers'],
        num_heads=config.arch['num_heads'],
        mlp_ratio=int(ratio),
    )


def _without_mean_norm(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if not name.startswith('ln2.')}


def read(library: str, encoder: PretrainedEncoder, folder: Path) -> Run:
    """Build the config's encoder with the library, which loads the weights."""
    import_quietly(f'{library}.models')
    config = Config.fromfile(folder / 'encoder.py')
    scope = DefaultScope.overwrite_default_scope(library)
    with scope, quiet_meshgrid():
        registry = import_module(f'{library}.registry').MODELS
        backbone = registry.build(config.model.backbone)
        backbone.init_weights()
    backbone.eval()

    def run(images: torch.Tensor) -> Tokens:
        output = backbone(images)[-1]
        if output.ndim == 4:
            return Tokens(output.flatten(2).transpose(1, 2))
        if output.ndim == 2:  # the mean of the patches
            return Tokens(output[:, None])
        return first_is_class(output) if encoder.config.has_class_token else Tokens(output)

    return run


def _target(library: str, distribution: str, families: tuple[str, ...], how: str) -> Target:
    return Target(
        library,
        distribution,
        families,
        partial(write, library),
        partial(read, library),
        how,
        (library,),
    )


MMPRETRAIN = _target(
    'mmpretrain',
    'onedl-mmpretrain',
    ('vit', 'beit', 'swin'),
    """import mmpretrain

model = mmpretrain.get_model('{folder}/encoder.py')
model.init_weights()  # loads encoder.pth
tokens = model.backbone(images)[-1]""",
)
MMSEG = _target(
    'mmseg',
    'onedl-mmsegmentation',
    ('vit', 'beit', 'swin'),
    """from mmengine.config import Config
from mmseg.registry import MODELS

backbone = MODELS.build(Config.fromfile('{folder}/encoder.py').model.backbone)
backbone.init_weights()  # loads encoder.pth""",
)
MMDET = _target(
    'mmdet',
    'onedl-mmdetection',
    ('swin',),
    """from mmengine.config import Config
from mmdet.registry import MODELS

backbone = MODELS.build(Config.fromfile('{folder}/encoder.py').model.backbone)
backbone.init_weights()  # loads encoder.pth""",
)
