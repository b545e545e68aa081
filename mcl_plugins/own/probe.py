"""Loaders of class folders without augmentation, and the k-NN probe that uses them."""

from __future__ import annotations

from typing import Any

from .bands import set_pipeline

# The encoder that a method is evaluated with: ConMIM's is the teacher's.
EMA_METHODS = ('ConMIM',)
NEIGHBOURS = 20


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
) -> dict:
    """Return the config of a hook that classifies ``root/val`` by the images of ``root/train``.

    Args:
        root: folder with ``train/CLASS`` and ``val/CLASS``.
        method: class of the method that is trained.
        image_size: side of the images in pixels.
        bands: of the images.
        reading: ``bit_depth`` or ``value_range`` of the files.
        interval: epochs between two probes.
    """
    pipeline = still_pipeline(image_size, bands, reading)
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
    return dict(type='mcl_plugins.ProbeHook', interval=interval, encoder=encoder, **loaders)
