"""Pre-training on own images."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from .bands import kind, set_pipeline, set_preprocessor
from .plain import plain
from .probe import PROBES, probe_hook
from .rules import PAPER_BATCHES, queue_length, scaled_momentum, steps_of
from .schedule import own_schedule

UNIT = 32  # pixels of a mask's unit, of a patch of Swin's last stage, and two of a ViT's patches


def pretraining(
    base: Mapping[str, Any],
    images: str,
    count: int = 50_000,
    image_size: int = 224,
    bands: int = 3,
    batch_size: int = 128,
    epochs: int = 400,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    labels: str | None = None,
    teacher: str | None = None,
    workers: int = 8,
    **reading: Any,
) -> dict[str, Any]:
    """Return the sections in which a pre-training on own images differs from ImageNet's.

    Learning rate, warm-up and EMA momentum follow from batch and length, see :mod:`.rules`.

    Args:
        base: the config of the method, ``_base_`` in a config.
        images: folder, which is searched through all its levels.
        count: number of its images, roughly.
        image_size: side of the crops in pixels, a multiple of 32.
        bands: of the images: 1, 3 or more.
        batch_size: images in a step of one GPU.
        epochs: length of the training.
        mean: of each band, from 0 to 255; by default ImageNet's.
        std: standard deviation of each band; by default ImageNet's.
        labels: folder with ``train/CLASS`` and ``val/CLASS``, which are classified by k-NN every
            twentieth of the training; None for no such probe.
        teacher: checkpoint of the frozen teacher, of a method that has one; by default that of the
            config in ``own`` that trains it.
        workers: processes that read images.
        **reading: ``bit_depth`` or ``value_range`` of the files.

    Raises:
        ValueError: the method is not one of this package's, or an argument does not fit it.

    Example:
        >>> from mmengine.config import Config
        >>> from mcl_plugins.utils.places import home
        >>> base = Config.fromfile(home() / 'configs/conmim/vit-s.py')
        >>> own = pretraining(base, 'photos', count=10_000, batch_size=64, epochs=100)
        >>> own['model']['momentum'], own['optim_wrapper']['optimizer']['lr']
        ({'start': 0.9968, 'end': 1.0}, 8.839e-05)
    """
    paper: dict[str, Any] = plain(base)
    model = copy.deepcopy(paper['model'])
    method = kind(model)
    if method not in PAPER_BATCHES:
        raise ValueError(
            f'{method} is no method of this package: inherit from a config of '
            f'{", ".join(PAPER_BATCHES)}.'
        )
    if image_size % UNIT:
        raise ValueError(
            f'image_size={image_size} must be a multiple of {UNIT}, the pixels of a mask unit: '
            f'{max(UNIT, round(image_size / UNIT) * UNIT)}.'
        )
    for name, value, least in (
        ('count', count, 1),
        ('batch_size', batch_size, 1),
        ('epochs', epochs, 2),  # one of them is the warm-up
    ):
        if value < least:
            raise ValueError(f'{name}={value} must be at least {least}.')
    if teacher and 'teacher' not in model:
        raise ValueError(f'teacher={teacher!r}: {method} has no frozen teacher; leave it out.')
    steps = steps_of(count, batch_size, epochs)
    set_model(model, image_size, bands)
    set_length(model, method, count, batch_size, steps)
    if teacher:
        model['teacher']['backbone']['init_cfg']['checkpoint'] = teacher
    preprocessor = copy.deepcopy(paper['data_preprocessor'])
    set_preprocessor(preprocessor, bands, mean, std)
    pipeline = set_pipeline(crops_of(paper, image_size), bands, reading)
    sections = {
        'model': model,
        'data_preprocessor': {**preprocessor, '_delete_': True},
        'train_pipeline': pipeline,
        'train_dataloader': dict(
            batch_size=batch_size,
            num_workers=workers,
            persistent_workers=workers > 0,
            dataset=dict(
                _delete_=True,
                type='mcl_plugins.ImageFolder',
                data_root=images,
                with_label=False,
                pipeline=pipeline,
            ),
        ),
        **own_schedule(paper, PAPER_BATCHES[method], batch_size, epochs, steps),
    }
    if labels:
        hook = probe_hook(labels, method, image_size, bands, reading, max(1, epochs // PROBES))
        sections['custom_hooks'] = [*paper.get('custom_hooks', []), hook]
    return sections


def set_model(model: dict, image_size: int, bands: int) -> None:
    """Set the size and the bands of the images in all parts of a method, in place."""
    encoders = [model['backbone'], (model.get('teacher') or {}).get('backbone')]
    for encoder in filter(None, encoders):
        encoder['img_size'] = image_size
        if bands != 3:
            encoder['in_channels'] = bands
    patch = model['backbone'].get('patch_size', 16)
    for part in model.values():
        if isinstance(part, dict) and kind(part) == 'MaskedDecoder':
            part['num_patches'] = (image_size // patch) ** 2
            if bands != 3:
                part['in_chans'] = bands
    if bands != 3 and 'pixel_head' in model:
        model['pixel_head']['in_channels'] = bands


def set_length(model: dict, method: str, count: int, batch: int, steps: int) -> None:
    """Set what depends on batch and length in a method, in place: EMA momentum and queues."""
    paper = PAPER_BATCHES[method]
    if method == 'MoCoV3':  # its argument is mmpretrain's, 1 - m of the papers
        start = 1 - model.get('base_momentum', 0.01)
        model['base_momentum'] = round(1 - scaled_momentum(start, paper, batch, steps), 5)
    elif model.get('momentum'):
        momentum = model['momentum']
        start = scaled_momentum(momentum['start'], paper, batch, steps)
        constant = momentum['end'] == momentum['start']
        model['momentum'] = {'start': start, 'end': start if constant else momentum['end']}
    for part in (model, model.get('patch_contrast'), model.get('image_contrast')):
        if part and 'queue' in part:
            part['queue']['length'] = queue_length(part['queue']['length'], count)


def crops_of(base: dict, image_size: int) -> list[dict]:
    """Return a training's pipeline with crops of another size, and shifts in proportion."""
    pipeline = copy.deepcopy(base['train_dataloader']['dataset']['pipeline'])
    before = base['model']['backbone'].get('img_size', 224)
    for step in pipeline:
        if 'scale' in step:
            step['scale'] = round(step['scale'] * image_size / before)
        if kind(step) == 'PixelShift':
            step['size'] = image_size
            step['max_shift'] = round(step['max_shift'] * image_size / before)
    return pipeline
