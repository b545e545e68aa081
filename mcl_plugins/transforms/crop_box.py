"""Boxes of random crops, drawn from the size of an image alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_ATTEMPTS = 10
_REDUCTIONS = (8, 4, 2)  # of libjpeg's inverse DCT


class Box(NamedTuple):
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass
class CropRange:
    """Area and shape of random crops.

    Args:
        areas: smallest and largest part of the image's area.
        ratios: smallest and largest ratio of width to height.

    Raises:
        ValueError: these are not two positive numbers in ascending order.

    Example:
        >>> np.random.seed(0)
        >>> CropRange((0.25, 0.25), (1.0, 1.0)).draw(80, 100)
        Box(top=3, left=3, height=45, width=45)
    """

    areas: Sequence[float] = (0.08, 1.0)
    ratios: Sequence[float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        for name, pair in (('crop_ratio_range', self.areas), ('aspect_ratio_range', self.ratios)):
            if len(pair) != 2 or not 0 < pair[0] <= pair[1]:
                raise ValueError(
                    f'{name}={pair} must be two positive numbers, the smaller one first.'
                )

    def draw(self, height: int, width: int) -> Box:
        """Draw a box from NumPy's generator, with mmpretrain's and torchvision's distribution.

        After ten boxes that are larger than the image, the box is the largest central one whose
        shape is in the range.
        """
        low, high = math.log(self.ratios[0]), math.log(self.ratios[1])
        for _ in range(_ATTEMPTS):
            area = np.random.uniform(self.areas[0], self.areas[1]) * height * width
            ratio = math.exp(np.random.uniform(low, high))
            across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < across <= width and 0 < down <= height:
                top = np.random.randint(height - down + 1)
                left = np.random.randint(width - across + 1)
                return Box(top, left, down, across)
        across = min(width, round(height * self.ratios[1]))
        down = min(height, round(width / self.ratios[0]))
        return Box((height - down) // 2, (width - across) // 2, down, across)


def choose_reduction(boxes: Sequence[Box], size: Sequence[int]) -> int:
    """Return the largest reduction at which each box has at least the size it is resized to.

    Example:
        >>> choose_reduction([Box(0, 0, 900, 900), Box(0, 0, 3000, 500)], (224, 224))
        2
    """
    least = min(min(box.height / size[0], box.width / size[1]) for box in boxes)
    return next((reduction for reduction in _REDUCTIONS if least >= reduction), 1)


def reduce_box(box: Box, reduction: int) -> Box:
    """Round a box to the pixels of a reduced image.

    Example:
        >>> reduce_box(Box(top=10, left=9, height=450, width=450), 2)
        Box(top=5, left=5, height=225, width=225)
    """
    top, left = _round(box.top / reduction), _round(box.left / reduction)
    bottom = _round((box.top + box.height) / reduction)
    right = _round((box.left + box.width) / reduction)
    return Box(top, left, bottom - top, right - left)


def _round(value: float) -> int:
    """Round a half up, so that equal lengths stay equal wherever they begin."""
    return int(value + 0.5)
