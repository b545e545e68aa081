"""Compare the number of bands of images, data preprocessor and encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ..datasets.checked_images import parts_of
from ..transforms import LoadImageFromFile, all_steps, find_loader
from ..utils.images import printable
from ..utils.sampling import spaced_indices

# Steps of the libraries' pipelines that change colours, which other bands than red, green and blue
# do not have.
RGB_STEPS = (
    'AutoAugment',
    'ColorJitter',
    'ColorTransform',
    'Lighting',
    'PhotoMetricDistortion',
    'RandAugment',
    'RandomGrayscale',
    'YOLOXHSVRandomAug',
)
_TRIED = 16  # images, of which the first that can be read counts


def check_bands(model: nn.Module, dataset: Any = None) -> None:
    """Raise a ValueError unless all parts are for images of the same number of bands.

    Args:
        model: a method of pre-training, a classifier, a segmentor or a detector.
        dataset: the images that it gets; None to compare the parts of the model only.

    Example:
        >>> from mmpretrain.models import ImageClassifier
        >>> backbone = dict(type='VisionTransformer', arch='deit-t', in_channels=13)
        >>> mean = dict(mean=[127.5] * 3, std=[127.5] * 3)
        >>> check_bands(ImageClassifier(backbone, data_preprocessor=mean))
        Traceback (most recent call last):
        ValueError: model.backbone (VisionTransformer) takes images of 13 bands, but \
data_preprocessor.mean has 3 numbers and std 3: set model.backbone.in_channels and the lengths of \
mean and std to the number of bands.
    """
    bands = encoder_bands(getattr(model, 'backbone', None))
    if bands is None:
        return
    encoder = f'model.backbone ({type(model.backbone).__name__}) takes images of {bands} bands'
    preprocessor: Any = getattr(model, 'data_preprocessor', None)
    mean, std = getattr(preprocessor, 'mean', None), getattr(preprocessor, 'std', None)
    if mean is not None and std is not None and not bands == mean.numel() == std.numel():
        raise ValueError(
            f'{encoder}, but data_preprocessor.mean has {mean.numel()} numbers and std '
            f'{std.numel()}: set model.backbone.in_channels and the lengths of mean and std to the '
            'number of bands.'
        )
    for part in parts_of(dataset):
        transforms = getattr(getattr(part, 'pipeline', None), 'transforms', ())
        if (loader := find_loader(transforms)) is None:
            continue
        found, path = delivered_bands(part, loader)
        if found is None:
            continue
        if found != bands:
            raise ValueError(
                f'{encoder}, but the data set loads {found}{f" of {path}" if path else ""}: set '
                f'model.backbone.in_channels={found} and mean and std of data_preprocessor to '
                f'{found} numbers, or color_type of LoadImageFromFile (now '
                f"{loader.color_type!r}): 'color' loads 3 bands, "
                "'grayscale' 1, 'unchanged' those of the file."
            )
        check_steps(transforms, bands)


def encoder_bands(encoder: Any) -> int | None:
    """Return the number of bands that an encoder takes: that of its first convolution.

    Example:
        >>> encoder_bands(nn.Sequential(nn.Conv2d(13, 8, 3))), encoder_bands(nn.Linear(2, 2))
        (13, None)
    """
    if not isinstance(encoder, nn.Module):
        return None
    first = next((layer for layer in encoder.modules() if isinstance(layer, nn.Conv2d)), None)
    return None if first is None else first.in_channels


def delivered_bands(dataset: Any, loader: LoadImageFromFile) -> tuple[int | None, str]:
    """Return how many bands a data set loads, and the image that says it if one had to be read.

    Returns:
        None if none of a few images can be read.
    """
    if loader.decoder.bands is not None:
        return loader.decoder.bands, ''
    for index in spaced_indices(len(dataset), _TRIED):
        path = dataset.get_data_info(index).get('img_path')
        try:
            image = loader.load(path)
        except (ValueError, OSError, TypeError):
            continue  # a broken image is the business of who loads it
        return 1 if image.ndim == 2 else image.shape[2], printable(path)
    return None, ''


def check_steps(transforms: Sequence, bands: int) -> None:
    """Raise a ValueError if a step of a pipeline cannot be applied to that many bands.

    Example:
        >>> from mmpretrain.datasets.transforms import RandomResizedCrop
        >>> check_steps([RandomResizedCrop(224, backend='pillow')], bands=3)
    """
    if bands == 3:
        return
    for step in all_steps(transforms):
        name = type(step).__name__
        if name in RGB_STEPS:
            raise ValueError(
                f'{name} changes the colours of RGB images, but the images have {bands} band'
                f'{"s" * (bands > 1)}: leave it out of the pipeline.'
            )
        if bands != 1 and getattr(step, 'backend', '') == 'pillow':
            raise ValueError(
                f"{name} has backend='pillow', which resizes images of 1 or 3 bands, but these "
                f"have {bands}: set backend='cv2' of this step of the pipeline."
            )
