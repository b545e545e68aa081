"""Shrink a config of the benchmarks to a training of seconds on a CPU, on made data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .tiny_data import CLASSES

WIDTH = 96  # of plain encoders, and of the last stage of hybrid ones; norms have up to 32 groups
_VIT = {'embed_dims': WIDTH, 'num_layers': 4, 'num_heads': 3, 'feedforward_channels': 192}
_SWIN = {'embed_dims': 12, 'depths': (1, 1, 1, 1), 'num_heads': (1, 1, 2, 4)}
_HYBRID = {'embed_dims': (16, 24, WIDTH), 'depths': (1, 1, 4), 'num_heads': 3}
_HEAD = 32  # width of necks and heads
_FEATURES = 16  # of projections
_TOKENIZER = 8  # width of the first layers of BEiT's and CAE's tokenizer
_DENSE_FACTOR = 8  # by which images of segmentation and detection are smaller
BATCH = 4


def shrink(config: Config, data: Path) -> Config:
    """Shrink a config in place: two steps, four blocks of width 96, a few made images.

    Parts, their connections, losses, pipelines and hooks stay those of the config. Images of
    classification and pre-training keep their size, those of the other tasks are an eighth as long
    and wide. A warm-up longer than the training is left out.

    Args:
        config: a config of this package.
        data: folder that :func:`mcl_plugins.cli.reproduce.tiny_data.make` has filled.
    """
    scope = config.get('default_scope')
    _shrink_encoders(config.model)
    if scope == 'mmdet':
        _shrink_detector(config)
    elif scope == 'mmseg':
        _shrink_segmentor(config)
    else:
        _shrink_heads(config)
    _use_data(config, data, scope)
    _shorten(config)
    return config


def _width(backbone: dict) -> int:
    if 'Swin' in backbone['type']:
        return _SWIN['embed_dims'] * 8  # type: ignore[operator]
    return 2048 if 'ResNet' in backbone['type'] else WIDTH


def _shrink_encoders(model: dict) -> None:
    teacher = (model.get('teacher') or {}).get('backbone')
    for backbone in filter(None, (model['backbone'], teacher)):
        kind = backbone['type']
        if 'ResNet' in kind:
            continue
        arch = _HYBRID if 'Conv' in kind else _SWIN if 'Swin' in kind else _VIT
        backbone['arch'] = dict(arch)
        if backbone.get('trained_blocks', 0) > 1:
            backbone['trained_blocks'] = 1
        if backbone.get('out_indices'):
            backbone['out_indices'] = (0, 1, 2, 3)
        if 'Swin' not in kind and 'window_size' in backbone:
            backbone.update(window_size=3, global_blocks=(1, 3))


def _shrink_heads(config: Config) -> None:
    """Classifiers and pre-training methods."""
    model, width = config.model, _width(config.model.backbone)
    for name, neck in _necks(model):
        inputs = _FEATURES if name == 'predictor' else width
        neck.update(in_channels=inputs, hid_channels=_HEAD, out_channels=_FEATURES)
    contrast = model.get('patch_contrast')
    if contrast and not contrast.projector:
        contrast.predictor.update(in_channels=width, out_channels=width)
    for part in (model, contrast, model.get('image_contrast')):
        if part and part.get('queue'):
            part.queue.update(dim=_FEATURES, length=16)
    if model.get('class_attention'):
        model.class_attention.update(embed_dims=width, num_heads=3)
    for name in ('neck', 'decoder', 'pixel_decoder', 'feature_decoder'):
        if model.get(name):
            _shrink_decoder(model[name], width)
    if model.type == 'ImageClassifier':
        model.head.update(num_classes=CLASSES, in_channels=width)
        config.data_preprocessor.num_classes = CLASSES
    elif (model.get('head') or {}).get('type') == 'BEiTV1Head':
        model.head.embed_dims = width
    if model.get('target_generator'):
        # A narrow tokenizer (DALL-E's) with random weights.
        model.target_generator.update(n_hid=_TOKENIZER, init_cfg=None)


def _shrink_decoder(part: dict, width: int) -> None:
    kind = part['type']
    if kind == 'SimMIMLinearDecoder':
        part['in_channels'] = width
    elif kind == 'CAENeck':
        part.update(embed_dims=width, num_heads=3, regressor_depth=1, decoder_depth=1)
    elif kind == 'ClsBatchNormNeck':
        part['input_features'] = width
    elif kind.endswith('Decoder'):
        part.update(embed_dim=width, decoder_embed_dim=_HEAD, decoder_num_heads=2)
        if 'predict_feature_dim' in part:
            part['predict_feature_dim'] = width


def _necks(node: Any, name: str = '') -> Iterator[tuple[str, dict]]:
    """All projectors and predictors in a nest of dicts, with their names."""
    if isinstance(node, dict):
        if node.get('type') in ('NonLinearNeck', 'mcl_plugins.ExtreMANeck'):
            yield name, node
            return
        for key, child in node.items():
            yield from _necks(child, key)


def _map_widths(backbone: dict) -> list[int]:
    """Widths of the maps of four scales."""
    if 'Swin' in backbone['type']:
        return [12, 24, 48, 96]
    if 'ResNet' in backbone['type']:
        return [256, 512, 1024, 2048]
    return [16, 24, WIDTH, WIDTH] if 'Conv' in backbone['type'] else [WIDTH] * 4


def _shrink_pyramids(model: dict, widths: list[int]) -> None:
    necks = model.get('neck') or []
    for neck in necks if isinstance(necks, list) else [necks]:
        if 'embed_dims' in neck:
            neck['embed_dims'] = WIDTH
        if neck.get('type') == 'FPN':
            neck['in_channels'] = widths
        elif 'in_channels' in neck:
            neck['in_channels'] = WIDTH


def _shrink_segmentor(config: Config) -> None:
    model = config.model
    widths = _map_widths(model.backbone)
    pyramid = isinstance(model.get('neck'), list) or (model.get('neck') or {}).get('type') == 'FPN'
    _shrink_pyramids(model, widths)
    if not pyramid:
        model.decode_head.in_channels = widths
    model.decode_head.channels = _HEAD
    if model.get('auxiliary_head'):
        model.auxiliary_head.update(in_channels=widths[2], channels=_HEAD)
    side = 512 // _DENSE_FACTOR
    model.data_preprocessor.size = (side, side)
    if 'img_size' in model.backbone:
        model.backbone.img_size = side
    if model.test_cfg.mode == 'slide':
        model.test_cfg.update(crop_size=(side, side), stride=(side - 16, side - 16))


def _shrink_detector(config: Config) -> None:
    model = config.model
    for part in (model.rpn_head, model.roi_head, model.neck):
        _narrow(part)
    _shrink_pyramids(model, _map_widths(model.backbone))
    model.train_cfg.rpn_proposal.update(nms_pre=50, max_per_img=20)
    model.test_cfg.rpn.update(nms_pre=50, max_per_img=20)
    model.test_cfg.rcnn.score_thr = 0.0  # random boxes are found, so that there is a metric
    if model.data_preprocessor.pad_size_divisor == 1024:
        model.data_preprocessor.pad_size_divisor = 1024 // _DENSE_FACTOR
        model.backbone.img_size = 1024 // _DENSE_FACTOR


def _narrow(node: Any) -> None:
    """Make necks and heads narrow, in place."""
    if isinstance(node, list):
        for child in node:
            _narrow(child)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ('out_channels', 'in_channels', 'feat_channels', 'conv_out_channels'):
                node[key] = _HEAD if isinstance(value, int) else value
            elif key == 'fc_out_channels':
                node[key] = _HEAD
            else:
                _narrow(value)


def _smaller(node: Any) -> None:
    """Divide the pixels in a pipeline, in place."""
    if isinstance(node, list | tuple):
        for child in node:
            _smaller(child)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ('scale', 'crop_size') and isinstance(value, int):
                node[key] = max(1, value // _DENSE_FACTOR)
            elif key in ('scale', 'crop_size') and isinstance(value, tuple | list):
                node[key] = tuple(side // _DENSE_FACTOR for side in value)
            elif key == 'scales':
                node[key] = [tuple(side // _DENSE_FACTOR for side in scale) for scale in value]
            else:
                _smaller(value)


def _use_data(config: Config, data: Path, scope: str | None) -> None:
    """Let all loaders read the made images, in this process."""
    for name, split in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        loader = config.get(f'{name}_dataloader')
        if not loader:
            continue
        loader.update(num_workers=0, persistent_workers=False, batch_size=min(BATCH, 2))
        if scope == 'mmdet':
            loader.dataset.data_root = f'{data / "coco"}/'
        elif scope == 'mmseg':
            loader.dataset.data_root = str(data / 'ade')
        else:
            loader.batch_size = BATCH
            loader.dataset = {
                'type': 'mcl_plugins.ImageFolder',
                'data_root': str(data / 'imagenet' / split),
                'pipeline': loader.dataset.pipeline,
            }
        if scope in ('mmseg', 'mmdet'):
            _smaller(loader.dataset.pipeline)
    if scope in ('mmseg', 'mmdet') and config.get('tta_pipeline'):
        _smaller(config.tta_pipeline)
    if scope == 'mmdet':
        for name in ('val_evaluator', 'test_evaluator'):
            config[name].ann_file = f'{data}/coco/annotations/instances_val2017.json'


def _shorten(config: Config) -> None:
    """Two iterations, one epoch, without warm-up and accumulation."""
    last = {**config.param_scheduler[-1], 'begin': 0}
    config.param_scheduler = [{k: v for k, v in last.items() if k not in ('end', 'T_max')}]
    if config.train_cfg.get('max_iters'):
        config.train_cfg.update(max_iters=2, val_interval=2)
        config.default_hooks.checkpoint.interval = 2
    else:
        config.train_cfg.update(max_epochs=1)
        if 'val_interval' in config.train_cfg:
            config.train_cfg.val_interval = 1
        config.default_hooks.checkpoint.interval = 1
    config.default_hooks.logger.interval = 1
    config.optim_wrapper.pop('accumulative_counts', None)
    config.vis_backends = [{'type': 'LocalVisBackend'}]
    config.visualizer.vis_backends = config.vis_backends
