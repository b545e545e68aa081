"""Pixel shifting: two views cut from one image, a few pixels apart (CMAE, Masked MoCo)."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ..registry import TRANSFORMS


@TRANSFORMS.register_module()
class PixelShift(BaseTransform):
    """Crop two shifted views from one master image, as in CMAE's released code.

    The first view, which CMAE's online encoder gets, is the top left window of the master. The
    second view, for the target encoder, is shifted down and to the right by two independent numbers
    of pixels, drawn uniformly from 0 to ``max_shift``. The views share most of their content, and
    the master is decoded and resized only once.

    Required keys: ``img``, an array (H, W, C).
    Modified keys: ``img``, now the list [first, second] of arrays (size, size, C);
    ``img_shape``.

    Args:
        size: side of the windows, in pixels.
        max_shift: largest shift, in pixels, inclusive.
        diagonal: use the same shift in both directions (Masked MoCo's medium augmentation; the
            paper does not say where the first window is, we use the corner there, too).

    Raises:
        ValueError: ``max_shift`` is negative, or the master is too small for it.

    Example:
        >>> master = np.zeros((255, 255, 3), dtype=np.uint8)
        >>> views = PixelShift(size=224, max_shift=31)({'img': master})['img']
        >>> [view.shape for view in views]
        [(224, 224, 3), (224, 224, 3)]
    """

    def __init__(self, size: int = 224, max_shift: int = 31, diagonal: bool = False) -> None:
        if max_shift < 0:
            raise ValueError(f'max_shift={max_shift} is negative; with 0 both windows are equal.')
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
