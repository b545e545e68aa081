"""Semantic segmentation of own classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from .bands import kind, set_pipeline, statistics
from .plain import plain
from .rules import scaled_rate
from .schedule import own_rate


def segmentation(
    base: Mapping[str, Any],
    data: str,
    classes: Sequence[str],
    checkpoint: str,
    train: Sequence[str] = ('images/train', 'labels/train'),
    val: Sequence[str] = ('images/val', 'labels/val'),
    suffixes: Sequence[str] = ('.jpg', '.png'),
    reduce_zero_label: bool = False,
    image_size: int = 512,
    bands: int = 3,
    batch_size: int = 8,
    iterations: int = 20_000,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    workers: int = 8,
    **reading: Any,
) -> dict[str, Any]:
    """Return the sections in which UperNet on own label maps differs from that on ADE20K.

    Args:
        base: the config of the training on ADE20K, ``_base_`` in a config.
        data: folder of images and label maps.
        classes: names, in the order of the values of the maps.
        checkpoint: of the pre-training.
        train: folders of images and of label maps in ``data``.
        val: the same for validation.
        suffixes: of images and label maps.
        reduce_zero_label: whether 0 in the maps is no class, and k is class k - 1.
        image_size: side of the crops in pixels, a multiple of 32.
        bands: of the images.
        batch_size: images in a step of one GPU.
        iterations: length of the training.
        mean: of each band, from 0 to 255, as in pre-training.
        std: standard deviation of each band, as in pre-training.
        workers: processes that read images.
        **reading: ``bit_depth`` or ``value_range`` of the files.
    """
    paper: dict[str, Any] = plain(base)
    side = paper['model']['data_preprocessor']['size'][0]
    ratio = image_size / side
    number = len(classes)
    common = dict(
        type='mcl_plugins.SegmentationDataset',
        data_root=data,
        metainfo=dict(classes=tuple(classes)),
        img_suffix=suffixes[0],
        seg_map_suffix=suffixes[1],
        reduce_zero_label=reduce_zero_label,
    )

    def dataset(folders: Sequence[str], loader: str) -> dict:
        pipeline = copy.deepcopy(paper[loader]['dataset']['pipeline'])
        for step in pipeline:
            if kind(step) == 'LoadAnnotations':
                step['reduce_zero_label'] = reduce_zero_label
            for key in ('scale', 'crop_size'):
                if key in step:
                    step[key] = _resized(step[key], ratio)
        return dict(
            _delete_=True,
            **common,
            data_prefix=dict(img_path=folders[0], seg_map_path=folders[1]),
            pipeline=set_pipeline(pipeline, bands, reading),
        )

    model: dict[str, Any] = {
        'data_preprocessor': dict(
            size=(image_size, image_size), **statistics(bands, mean, std), bgr_to_rgb=bands == 3
        ),
        'backbone': dict(img_size=image_size, init_cfg=dict(checkpoint=checkpoint)),
        'decode_head': dict(num_classes=number),
        'auxiliary_head': dict(num_classes=number),
    }
    if bands != 3:
        model['backbone']['in_channels'] = bands
    windows = paper['model'].get('test_cfg') or {}
    if windows.get('mode') == 'slide':
        model['test_cfg'] = {key: _resized(windows[key], ratio) for key in ('crop_size', 'stride')}
    loading = dict(num_workers=workers, persistent_workers=workers > 0)
    evaluated = dict(**loading, dataset=dataset(val, 'val_dataloader'))
    stated, length = paper['auto_scale_lr']['base_batch_size'], paper['train_cfg']['max_iters']
    warm_up, decay = copy.deepcopy(paper['param_scheduler'])
    warm_up['end'] = decay['begin'] = max(1, round(warm_up['end'] * iterations / length))
    rate = scaled_rate(paper['optim_wrapper']['optimizer']['lr'], stated, batch_size)
    every = max(1, iterations // 10)
    return {
        'model': model,
        'train_dataloader': dict(
            batch_size=batch_size, **loading, dataset=dataset(train, 'train_dataloader')
        ),
        'val_dataloader': evaluated,
        'test_dataloader': evaluated,
        **own_rate(rate, batch_size),
        'train_cfg': dict(max_iters=iterations, val_interval=every),
        'param_scheduler': [warm_up, decay],
        'default_hooks': dict(checkpoint=dict(interval=every, save_best='mIoU')),
    }


def _resized(sides: int | Sequence[int], ratio: float) -> int | tuple[int, ...]:
    """Scale one side in pixels, or several."""
    if isinstance(sides, int):
        return round(sides * ratio)
    return tuple(round(side * ratio) for side in sides)
