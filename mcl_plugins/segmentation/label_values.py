"""What the pixels of a label map may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..utils.exif import exif_orientation

IGNORED = 255  # what mmseg's transforms write for pixels that no class is trained on


def check_channels(path: str, labels: np.ndarray) -> None:
    """Raise a ValueError unless a label map is (H, W).

    Example:
        >>> check_channels('map.png', np.zeros((100, 120)))
    """
    if labels.ndim == 2:
        return
    equal = labels.ndim == 3 and bool((labels == labels[..., :1]).all())
    remedy = (
        'Its channels are equal: save one of them.'
        if equal
        else 'Translate each colour into the number of its class and save it as a grey or palette '
        'image.'
    )
    raise ValueError(
        f'{path} has {labels.shape[-1]} channels of colour: a label map has one, whose value is '
        f'the number of the class. {remedy}'
    )


def check_values(path: str, labels: np.ndarray) -> None:
    """Raise a ValueError unless all values are whole numbers from 0 to 255.

    Example:
        >>> check_values('map.png', np.array([[0, 1, 255]], np.uint16))
    """
    if labels.dtype in (np.uint8, bool):
        return
    wrong = labels[~((labels >= 0) & (labels <= IGNORED) & (labels % 1 == 0))]  # NaN is neither
    if wrong.size == 0:
        return
    values = np.unique(wrong)
    shown = ', '.join(f'{value:g}' for value in values[:6].tolist())
    raise ValueError(
        f'{path} has the labels {shown}{" ..." if len(values) > 6 else ""} ({labels.dtype}): mmseg '
        f'reads labels of 8 bits, where they would become other numbers. Number the classes from 0 '
        f'on and write {IGNORED} for pixels to ignore.'
    )


def check_size(path: str, shape: Sequence[int], image: str, image_shape: Sequence[int]) -> None:
    """Raise a ValueError unless a label map has the size of its image as it is loaded.

    Args:
        path: the label map.
        shape: its (H, W).
        image: the image.
        image_shape: (H, W) of the image as it is loaded, turned as its EXIF says.

    Example:
        >>> check_size('map.png', (100, 120), 'image.jpg', (100, 120))
    """
    if tuple(shape) == tuple(image_shape):
        return
    turned = ''
    remedy = 'Save label maps in the size of their images, without interpolation.'
    if tuple(shape) == tuple(image_shape)[::-1] and (turn := exif_orientation(image)) > 4:
        turned = f', turned as its EXIF orientation {turn} says'
        remedy = (
            'Save the image without the turn, or turn the label map too, or set '
            "color_type='color_ignore_orientation' of LoadImageFromFile in all pipelines."
        )
    raise ValueError(
        f'{path} is {shape[1]} x {shape[0]} px, but its image {image} is {image_shape[1]} x '
        f'{image_shape[0]} px{turned}. {remedy}'
    )
