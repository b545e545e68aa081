"""Classification of own classes."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from .bands import set_pipeline, set_preprocessor
from .plain import plain
from .pretraining import crops_of
from .probe import class_folder, still_pipeline
from .rules import steps_of
from .schedule import own_schedule

MIXING = 5000  # training images from which images of a batch are mixed


def classification(
    base: Mapping[str, Any],
    data: str,
    classes: Sequence[str],
    checkpoint: str,
    count: int = 1000,
    train: Sequence[str] = ('train', ''),
    val: Sequence[str] = ('val', ''),
    image_size: int = 224,
    bands: int = 3,
    batch_size: int = 64,
    epochs: int = 100,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    workers: int = 8,
    **reading: Any,
) -> dict[str, Any]:
    """Return the sections in which a classifier of own classes differs from ImageNet's.

    Of the recipe it keeps layer decay, augmentation and label smoothing. Mixup and CutMix, which
    need long trainings, are for 5,000 images and more. The best of the epochs is kept.

    Args:
        base: the config of the fine-tuning on ImageNet, ``_base_`` in a config.
        data: folder of the images.
        classes: names of the folders.
        checkpoint: of the pre-training.
        count: number of training images, roughly.
        train: folder in ``data`` with a folder for each class; and a text file with lines
            ``CLASS/image.jpg 0``, which names the only images (few labels), empty for all.
        val: the same for validation.
        image_size: side of the images in pixels.
        bands: of the images.
        batch_size: images in a step of one GPU.
        epochs: length of the training.
        mean: of each band, from 0 to 255, as in pre-training.
        std: standard deviation of each band, as in pre-training.
        workers: processes that read images.
        **reading: ``bit_depth`` or ``value_range`` of the files.
    """
    paper: dict[str, Any] = plain(base)
    sections: dict[str, Any] = {'model': {'backbone': {}, 'head': {}}}
    model = sections['model']
    model['backbone'] = {'img_size': image_size, 'init_cfg': {'checkpoint': checkpoint}}
    if bands != 3:
        model['backbone']['in_channels'] = bands
    model['head'] = {'num_classes': len(classes)}
    if count < MIXING:
        model['train_cfg'] = None
    preprocessor = copy.deepcopy(paper['data_preprocessor'])
    set_preprocessor(preprocessor, bands, mean, std)
    preprocessor['num_classes'] = len(classes)
    crops = crops_of(paper, image_size)
    names = dict(metainfo=dict(classes=tuple(classes)))

    def dataset(place: Sequence[str], steps: list[dict]) -> dict:
        return {**class_folder(data, place[0], steps, ann_file=place[1], **names), '_delete_': True}

    loading = dict(num_workers=workers, persistent_workers=workers > 0)
    still = still_pipeline(image_size, bands, reading)
    evaluated = dict(batch_size=batch_size, **loading, dataset=dataset(val, still))
    evaluator = dict(_delete_=True, type='Accuracy', topk=1)
    return {
        **sections,
        'data_preprocessor': {**preprocessor, '_delete_': True},
        'train_dataloader': dict(
            batch_size=batch_size,
            **loading,
            drop_last=count >= batch_size,
            dataset=dataset(train, set_pipeline(crops, bands, reading)),
        ),
        'val_dataloader': evaluated,
        'test_dataloader': evaluated,
        'val_evaluator': evaluator,
        'test_evaluator': evaluator,
        **own_schedule(
            paper,
            paper['auto_scale_lr']['base_batch_size'],
            batch_size,
            epochs,
            steps_of(count, batch_size, epochs),
        ),
        'default_hooks': dict(checkpoint=dict(save_best='accuracy/top1', interval=epochs)),
    }
