"""Loaders of class folders without augmentation, and the k-NN probe that uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.registry import DefaultScope
from mmpretrain.models.selfsup import BaseSelfSupervisor
from mmpretrain.registry import MODELS

from .bands import kind, set_pipeline
from .plain import plain
from .wrapped import pipeline_of

# The encoder that a method is evaluated with: ConMIM's is the teacher's.
EMA_METHODS = ('ConMIM',)
NEIGHBOURS = 20
PROBES = 20  # in a training
MOST_IMAGES = 20_000  # of a data set, so that a probe of ImageNet takes no longer than it needs to
_READING = ('bit_depth', 'value_range')


def still_pipeline(image_size: int, bands: int, reading: dict[str, Any]) -> list[dict]:
    """Return the steps that read an image, scale its shorter side and cut out the middle."""
    steps: list[dict] = [
        dict(type='LoadImageFromFile'),
        dict(
            type='ResizeEdge',
            scale=round(image_size * 256 / 224),
            edge='short',
            backend='pillow',
            interpolation='bicubic',
        ),
        dict(type='CenterCrop', crop_size=image_size),
        dict(type='PackInputs'),
    ]
    return set_pipeline(steps, bands, reading)


def class_folder(root: str, split: str, pipeline: list[dict], **options: Any) -> dict:
    """Return the config of a data set of ``root/split/CLASS``."""
    return dict(
        type='mcl_plugins.ImageFolder',
        data_root=root,
        data_prefix=split,
        pipeline=pipeline,
        **options,
    )


def probe_hook(
    root: str,
    method: str,
    image_size: int,
    bands: int,
    reading: dict[str, Any],
    interval: int,
    gray: bool = False,
) -> dict:
    """Return the config of a hook that classifies ``root/val`` by the images of ``root/train``.

    Args:
        root: folder with ``train/CLASS`` and ``val/CLASS``.
        method: class of the method that is trained.
        image_size: side of the images in pixels.
        bands: of the images.
        reading: ``bit_depth`` or ``value_range`` of the files.
        interval: epochs between two probes.
        gray: the colours of the images are taken away.
    """
    pipeline = still_pipeline(image_size, bands, reading)
    if gray:
        pipeline.insert(-1, dict(type='RandomGrayscale', prob=1.0, keep_channels=True))
    loaders = {
        f'{split}_dataloader': dict(
            batch_size=64,
            num_workers=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=class_folder(root, split, pipeline),
        )
        for split in ('train', 'val')
    }
    encoder = 'ema.backbone' if method in EMA_METHODS else 'backbone'
    return dict(
        type='mcl_plugins.ProbeHook',
        interval=interval,
        encoder=encoder,
        most_images=MOST_IMAGES,
        **loaders,
    )


def probe_for(config: Mapping[str, Any], root: str) -> dict:
    """Return the config of a hook that classifies labelled images during a pre-training.

    It is that of :func:`probe_hook` for the images that the config pre-trains on: of their size,
    bands and depth, and gray if the method sees nothing but gray.

    Args:
        config: of a pre-training.
        root: folder with ``train/CLASS`` and ``val/CLASS``.

    Raises:
        ValueError: the config is of no pre-training by epochs, or has a probe already.

    Example:
        >>> from mmengine.config import Config
        >>> from mcl_plugins.utils.places import home
        >>> hook = probe_for(Config.fromfile(home() / 'configs/conmim/vit-b.py'), 'data/flowers')
        >>> hook['interval'], hook['encoder']
        (40, 'ema.backbone')
    """
    model = plain(config['model'])
    method, epochs = kind(model), plain(config['train_cfg']).get('max_epochs')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        known = MODELS.get(model['type'])
    if not epochs or not isinstance(known, type) or not issubclass(known, BaseSelfSupervisor):
        raise ValueError(
            f'A probe of {root} needs a pre-training by epochs, but this is a config of {method} '
            f'with max_epochs={epochs}: leave the probe out.'
        )
    if any(kind(hook) == 'ProbeHook' for hook in plain(config.get('custom_hooks') or [])):
        raise ValueError(
            f'A probe of {root} and the ProbeHook in custom_hooks of the config would have the '
            'same names in the log: leave one of them out.'
        )
    pipeline = plain(pipeline_of(config['train_dataloader']['dataset']))
    reading = {key: step[key] for step in pipeline for key in _READING if key in step}
    first, *_ = plain(config['data_preprocessor']).get('views') or [[]]
    return probe_hook(
        root,
        method,
        model['backbone'].get('img_size', 224),
        model['backbone'].get('in_channels', 3),
        reading,
        max(1, epochs // PROBES),
        any(kind(step) == 'Grayscale' and step.get('prob', 0) >= 1 for step in first),
    )
