"""Pixel shifting: two windows of one image, a few pixels apart (CMAE, Masked MoCo)."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ..registry import TRANSFORMS


@TRANSFORMS.register_module()
class PixelShift(BaseTransform):
    """Cut two windows out of one master image (CMAE; as the released code does).

    The first view, CMAE's online one, is the window in the master's top left corner. The second,
    its target view, is shifted down and to the right by two independent numbers of pixels, uniform
    in 0 to ``max_shift``. So the views share most of their content, and the master is decoded and
    resized once.

    Required keys: ``img``, an array (H, W, C).
    Modified keys: ``img``, now the list [first, second] of arrays (size, size, C);
    ``img_shape``.

    Args:
        size: side of the windows, in pixels.
        max_shift: largest shift, in pixels, inclusive.
        diagonal: shift as far down as to the right (Masked MoCo's medium augmentation; that the
            first window lies in the corner there too is our reading).

    Raises:
        ValueError: a negative shift, or a master too small for the largest one.
    """

    def __init__(self, size: int = 224, max_shift: int = 31, diagonal: bool = False) -> None:
        if max_shift < 0:
            raise ValueError(f'max_shift={max_shift} is negative; 0 gives two equal windows.')
        self.size = size
        self.max_shift = max_shift
        self.diagonal = diagonal

    def transform(self, results: dict) -> dict:
        """Replace the image by its two windows."""
        image = results['img']
        if min(image.shape[:2]) < self.size + self.max_shift:
            raise ValueError(
                f'PixelShift got an image of {image.shape[0]}x{image.shape[1]} px, but windows of '
                f'{self.size} px shifted by up to {self.max_shift} need '
                f'{self.size + self.max_shift}: crop a larger image first.'
            )
        top, left = np.random.randint(self.max_shift + 1, size=2)
        if self.diagonal:
            left = top
        results['img'] = [self._window(image, 0, 0), self._window(image, top, left)]
        results['img_shape'] = (self.size, self.size)
        return results

    def _window(self, image: np.ndarray, top: int, left: int) -> np.ndarray:
        return image[top : top + self.size, left : left + self.size]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, max_shift={self.max_shift}, '
            f'diagonal={self.diagonal})'
        )
