"""Detection and instance segmentation of own classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from .bands import kind, set_pipeline, statistics
from .plain import plain
from .schedule import own_schedule


def detection(
    base: Mapping[str, Any],
    data: str,
    classes: Sequence[str],
    checkpoint: str,
    train: Sequence[str] = ('train.json', 'train'),
    val: Sequence[str] = ('val.json', 'val'),
    masks: bool = True,
    count: int = 1000,
    batch_size: int = 4,
    epochs: int = 36,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    workers: int = 8,
    **reading: Any,
) -> dict[str, Any]:
    """Return the sections in which a detector of own classes differs from that of COCO.

    Args:
        base: the config of the training on COCO, ``_base_`` in a config: Mask R-CNN or ViTDet.
        data: folder of the files.
        classes: names of the categories.
        checkpoint: of the pre-training.
        train: COCO file, and folder of its images, in ``data``.
        val: the same for validation.
        masks: whether objects have outlines; without, only boxes are predicted.
        count: number of training images, roughly.
        batch_size: images in a step of one GPU.
        epochs: length of the training.
        mean: of each band, from 0 to 255, as in pre-training.
        std: standard deviation of each band, as in pre-training.
        workers: processes that read images.
        **reading: ``bit_depth`` or ``value_range`` of the files.
    """
    paper: dict[str, Any] = plain(base)
    names = dict(classes=tuple(classes))
    root = f'{data.rstrip("/")}/'

    def dataset(files: Sequence[str], loader: str) -> dict:
        before = paper[loader]['dataset']
        pipeline = copy.deepcopy(before['pipeline'])
        for step in pipeline:
            if kind(step) == 'LoadAnnotations':
                step['with_mask'] = masks
        return dict(
            data_root=root,
            metainfo=names,
            ann_file=files[0],
            data_prefix=dict(img=f'{files[1].rstrip("/")}/'),
            pipeline=set_pipeline(pipeline, 3, reading),
        )

    heads: dict[str, Any] = {'bbox_head': dict(num_classes=len(classes))}
    if masks:
        heads['mask_head'] = dict(num_classes=len(classes))
    else:
        heads |= {'mask_head': None, 'mask_roi_extractor': None}
    loading = dict(num_workers=workers, persistent_workers=workers > 0)
    evaluated = dict(**loading, dataset=dataset(val, 'val_dataloader'))
    metric = ['bbox', 'segm'] if masks else ['bbox']
    evaluator = dict(ann_file=f'{root}{val[0]}', metric=metric)
    steps = max(1, count // batch_size) * epochs
    stated = paper['auto_scale_lr']['base_batch_size']
    schedule = own_schedule(paper, stated, batch_size, epochs, steps)
    warm_up = schedule['param_scheduler'][0]
    if not warm_up.get('by_epoch', True):  # a tenth of a short training
        warm_up['end'] = min(warm_up['end'], max(1, steps // 10))
    schedule['optim_wrapper']['accumulative_counts'] = 1  # ViTDet's is for 64 images a step
    schedule['train_cfg']['val_interval'] = max(1, epochs // 12)
    return {
        'model': dict(
            data_preprocessor=statistics(3, mean, std),
            backbone=dict(init_cfg=dict(checkpoint=checkpoint)),
            roi_head=heads,
        ),
        'train_dataloader': dict(
            batch_size=batch_size, **loading, dataset=dataset(train, 'train_dataloader')
        ),
        'val_dataloader': evaluated,
        'test_dataloader': evaluated,
        'val_evaluator': evaluator,
        'test_evaluator': evaluator,
        **schedule,
        'default_hooks': dict(
            checkpoint=dict(interval=epochs, save_best='coco/bbox_mAP', rule='greater')
        ),
    }
