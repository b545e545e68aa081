"""Values of the configs for own data, each with the reason why it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...utils.machine import usable_cores
from .images import Images
from .labels import CLASSES, MAPS, OBJECTS, Labels

LARGE = 200_000  # images from which a base network is chosen
SEEN = 20_000_000  # images that a pre-training sees, with repetition
EPOCHS = (100, 1600)
SMALLEST, USUAL = 128, 224  # sides of the crops in pixels
UNIT = 32  # pixels: side of a mask unit, of which the crop has a whole number
LEAST = 2  # images of a batch: contrastive losses compare them
PROBED = 40  # labelled training images from which the probe has enough neighbours
TUNING_STEPS = 2000  # of a fine-tuning on few labels


class Value(NamedTuple):
    """An argument of a config's function.

    Attributes:
        value: as it is written into the config.
        reason: comment above it; empty for none.
    """

    value: Any
    reason: str = ''


def choose_arch(method: str, images: Images, given: str | None) -> Value:
    """Choose the network."""
    if given:
        return Value(given, 'as asked for')
    if method == 'moby':
        return Value('swin-t', 'MoBY is made for Swin')
    if images.count >= LARGE:
        return Value('vit-b', f'base: {images.count} images are at least {LARGE}')
    return Value('vit-s', f'small: {images.count} images are fewer than {LARGE}')


def choose_image_size(images: Images, arch: str) -> Value:
    """Choose the side of the crops: 224, or less for a plain ViT if the images are smaller."""
    side = images.shorter_side
    if arch.startswith('swin'):
        return Value(USUAL, "Swin's windows of 7 x 7 need it in the last stage")
    if side >= USUAL:
        return Value(USUAL, f'the usual size; the shorter sides are {side} in the median')
    size = max(SMALLEST, side // UNIT * UNIT)
    enlarged = f', enlarged to {SMALLEST // 16} x {SMALLEST // 16} patches' * (side < SMALLEST)
    return Value(size, f'the shorter sides are {side} in the median{enlarged}')


def choose_epochs(images: Images) -> Value:
    """Choose the length of the pre-training."""
    low, high = EPOCHS
    epochs = min(high, max(low, SEEN // images.count))
    seen = epochs * images.count / 1e6
    return Value(epochs, f'{seen:.1f} million crops are seen ({low} to {high} epochs)')


def choose_batch(images: Images, fitting: int, need: int, free: int, place: str) -> Value:
    """Choose the batch of the pre-training.

    Args:
        images: the images.
        fitting: batch that fits into the memory.
        need: bytes of an image in a step.
        free: free bytes.
        place: where they are free.
    """
    enough = 2 ** max(2, (images.count // 8).bit_length() - 1)  # eight steps an epoch, or more
    room = f'{free / 1e9:.3g} GB are free on {place}'
    memory = f'an image needs {need / 1e6:.0f} MB in a step, {room}'
    if fitting < LEAST:
        return Value(LEAST, f'{memory}: too little for {LEAST}, choose a smaller --arch')
    batch = min(256, fitting, enough)
    reason = {
        fitting: memory,
        enough: f'eight steps an epoch with {images.count} images',
        256: 'enough for one GPU; more would leave fewer steps',
    }[batch]
    return Value(batch, reason)


def choose_workers() -> Value:
    """Choose the number of processes that read images."""
    cores = usable_cores()
    return Value(max(1, min(8, cores - 1)), f'{cores} cores')


def of_images(images: Images) -> dict[str, Value]:
    """Return what the loader and the data preprocessor need to know of the images."""
    gray = 'gray images are loaded as RGB; ' if images.bands == 1 else ''
    values = {
        'bands': Value(images.loaded_bands, f'{gray}the files have {images.bands}'),
        'mean': Value(images.mean, 'of each band, measured on a sample'),
        'std': Value(images.std),
    }
    for name, value in images.reading.items():
        values[name] = Value(value, images.depth)
    return values


def of_pretraining(
    images: Images, labels: Labels | None, size: Value, batch: Value, epochs: Value
) -> dict[str, Value]:
    """Return the arguments of :func:`mcl_plugins.own.pretraining`."""
    values = {
        'images': Value(str(images.root.resolve()), images.describe()),
        'count': Value(images.count, images.left_out),
        'image_size': size,
        **of_images(images),
        'batch_size': batch,
        'epochs': epochs,
        'workers': choose_workers(),
    }
    split = labels is not None and labels.kind == CLASSES and not labels.written
    if labels is not None and split and labels.count >= PROBED:
        reason = 'classified by k-NN during the training: knn_20 in the log'
        values['labels'] = Value(str(labels.root.resolve()), reason)
    return values


def of_downstream(
    images: Images, labels: Labels, size: Value, free: int, out: str, checkpoint: str
) -> dict[str, Value]:
    """Return the arguments of the function of ``mcl_plugins.own`` for the kind of labels."""
    values: dict[str, Value] = {
        'data': Value(str(labels.root.resolve())),
        'classes': Value(tuple(labels.names), f'{len(labels.names)} classes'),
        'checkpoint': Value(checkpoint, 'the last one of pretrain.py'),
    }
    common = {**of_images(images), 'workers': choose_workers()}
    if labels.kind == OBJECTS:
        common.pop('bands')  # mmdet takes RGB
    maker = {CLASSES: _classes, MAPS: _maps, OBJECTS: _objects}[labels.kind]
    return {**values, **maker(labels, size, free, out), **common}


def _classes(labels: Labels, size: Value, free: int, out: str) -> Mapping[str, Value]:
    batch = 2 ** max(2, min(6, (labels.count // 4).bit_length() - 1))
    epochs = min(300, max(50, TUNING_STEPS * batch // max(1, labels.count)))
    places = {
        split: (folder, f'{out}/{listed}' if listed else '')
        for split, (folder, listed) in labels.places.items()
    }
    return {
        **{split: Value(place, 'folder, and list of images') for split, place in places.items()},
        'count': Value(labels.count),
        'image_size': size,
        'batch_size': Value(batch, f'{labels.count // batch} steps an epoch'),
        'epochs': Value(epochs, f'about {TUNING_STEPS} steps, 50 to 300 epochs'),
    }


def _maps(labels: Labels, size: Value, free: int, out: str) -> Mapping[str, Value]:
    side = 512 if size.value == USUAL else 2 * size.value
    batch = _dense_batch(free, 2e9, labels.count, 8)
    iterations = min(40_000, max(2000, 100 * labels.count // batch.value))
    return {
        'train': Value(labels.places['train'], 'folders of images and label maps'),
        'val': Value(labels.places['val']),
        'suffixes': Value(labels.suffixes),
        'image_size': Value(side, 'crops'),
        'batch_size': batch,
        'iterations': Value(iterations, 'about 100 epochs, 2,000 to 40,000'),
    }


def _objects(labels: Labels, size: Value, free: int, out: str) -> Mapping[str, Value]:
    batch = _dense_batch(free, 5e9, labels.count, 4)
    epochs = min(150, max(36, TUNING_STEPS * batch.value // max(1, labels.count)))
    places = {
        split: (f'{out}/{file}' if file in labels.written else file, folder)
        for split, (file, folder) in labels.places.items()
    }
    return {
        'train': Value(places['train'], 'COCO file, and folder of its images'),
        'val': Value(places['val']),
        'masks': Value(labels.masks, 'objects have outlines' if labels.masks else 'boxes only'),
        'count': Value(labels.count),
        'batch_size': batch,
        'epochs': Value(epochs, f'at least {TUNING_STEPS} steps, 36 to 150 epochs'),
    }


def _dense_batch(free: int, need: float, count: int, most: int) -> Value:
    """Choose a batch by a rough size of an image in a step, in bytes."""
    batch = most
    while batch > 1 and (batch * need > free or batch > count):
        batch //= 2
    return Value(batch, f'roughly {need / 1e9:.0f} GB an image, {free / 1e9:.0f} GB are free')
