"""Scaling of images with more than 8 bits per value to 8 bits, the same for a whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.logging import print_log

from .image_errors import UnreadableImageError, printable

_said: set[str] = set()


def say(text: str, again: bool = True) -> None:
    """Log a notice; unless ``again``, only if this process or the one it is a fork of has not."""
    if again or text not in _said:
        _said.add(text)
        print_log(text, 'current')


@dataclass
class BitDepth:
    """Which value of a file becomes 255.

    Values of 8 bits stay as they are. Larger unsigned ones are scaled by ``255 / (2^bits - 1)`` and
    rounded. A format may say how many bits it has: TIFF by BitsPerSample, a .pgm or .ppm by its
    largest value. Otherwise files of 16 bits are taken for it only if a value needs 16 bits: data
    of 12 bits in such a file would become nearly black. Values of other types, such as float, need
    a ``value_range``.

    Args:
        bits: number of bits of the data; None to take that of the file.
        value_range: the values that become 0 and 255, of files that do not have 8 bits. Values
            beyond them become 0 or 255, too.

    Raises:
        ValueError: an argument is no such number, or both are given.

    Example:
        >>> pixels = np.array([[0, 2048, 4095]], np.uint16)
        >>> BitDepth(bits=12).scale(pixels, 'x-ray.png')
        array([[  0, 128, 255]], dtype=uint8)
        >>> BitDepth().scale(pixels, 'x-ray.png')
        Traceback (most recent call last):
        mcl_plugins.utils.image_errors.UnreadableImageError: x-ray.png has 16 bits per value, but \
its largest value, 4095, needs only 12: as data of 16 bits it would become too dark. Set \
bit_depth=12 of LoadImageFromFile if the data has 12 bits, or bit_depth=16 if it is that dark.
    """

    bits: int | None = None
    value_range: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.bits is not None and (
            isinstance(self.bits, bool)
            or not isinstance(self.bits, int)
            or not 1 <= self.bits <= 32
        ):
            raise ValueError(
                f'bit_depth={self.bits!r} must be a whole number from 1 to 32, such as 12, or None '
                'to take that of the file.'
            )
        if self.value_range is None:
            return
        if self.bits is not None:
            raise ValueError(
                f'bit_depth={self.bits} and value_range={self.value_range} are both set: give one.'
            )
        if len(self.value_range) != 2 or not self.value_range[0] < self.value_range[1]:
            raise ValueError(
                f'value_range={self.value_range} must be two numbers, the values that become black '
                'and white, such as (0, 1).'
            )

    def scale(self, pixels: np.ndarray, path: str, stated: int | None = None) -> np.ndarray:
        """Scale the values of an image to 8 bits.

        Args:
            pixels: of any shape and type.
            path: the file, for messages.
            stated: largest value as the format says, such as 4095; None if it says nothing.

        Raises:
            ValueError: a value is beyond the bits, the bits are not known, or the type of the
                values needs a ``value_range``.
        """
        if pixels.dtype == np.uint8 and stated in (None, 255):
            return pixels
        if pixels.dtype == bool:
            return pixels.astype(np.uint8) * 255
        if self.value_range is not None:
            return self._stretch(pixels, path)
        if pixels.dtype.kind != 'u':
            raise UnreadableImageError(
                f'{printable(path)} has values of type {pixels.dtype} from {pixels.min():g} to '
                f'{pixels.max():g}: set value_range of LoadImageFromFile to the two values that '
                'become black and white in all images, such as value_range=(0, 1).'
            )
        white = self.white(pixels, path, stated)
        if self.bits is None and pixels.dtype != np.uint8:
            say(self.describe(white, stated), again=False)
        # In whole numbers, half a level rounded up.
        return ((pixels.astype(np.uint64) * 510 + white) // (2 * white)).astype(np.uint8)

    def white(self, pixels: np.ndarray, path: str, stated: int | None = None) -> int:
        """Return the value that becomes 255, of unsigned values; arguments as of :meth:`scale`.

        Raises:
            ValueError: a value is beyond it, or it is not known.
        """
        largest = int(pixels.max(initial=0))
        full = 8 * pixels.dtype.itemsize
        if stated is not None and (self.bits is None or full == 8):
            white = stated
        else:
            white = 2 ** (self.bits or full) - 1
        needed = largest.bit_length()
        if largest > white:
            raise UnreadableImageError(
                f'{printable(path)} has the value {largest}, but the largest of data with '
                f'{white.bit_length()} bits is {white}: set bit_depth={usual_bits(needed)} of '
                'LoadImageFromFile, or remove the file.'
            )
        if largest and needed < full and stated is None and self.bits is None:
            raise UnreadableImageError(
                f'{printable(path)} has {full} bits per value, but its largest value, {largest}, '
                f'needs only {needed}: as data of {full} bits it would become too dark. Set '
                f'bit_depth={usual_bits(needed)} of LoadImageFromFile if the data has '
                f'{usual_bits(needed)} bits, or bit_depth={full} if it is that dark.'
            )
        return white

    def describe(self, white: int, stated: int | None = None) -> str:
        """Say how images of more than 8 bits are scaled.

        Example:
            >>> BitDepth(bits=12).describe(4095)
            'Images of more than 8 bits per value are scaled to 8 bits: 4095 becomes 255 \
(bit_depth=12).'
        """
        reason = f'bit_depth={self.bits}'
        if self.bits is None:
            reason = 'their files say so' if stated else 'the largest value of 16 bits'
        remedy = ' If the data has fewer bits, set bit_depth of LoadImageFromFile.'
        return (
            f'Images of more than 8 bits per value are scaled to 8 bits: {white} becomes 255 '
            f'({reason}).{"" if self.bits else remedy}'
        )

    def _stretch(self, pixels: np.ndarray, path: str) -> np.ndarray:
        assert self.value_range is not None
        low, high = self.value_range
        values = pixels.astype(np.float64)
        if not np.isfinite(values).all():
            raise UnreadableImageError(
                f'{printable(path)} has pixels that are no finite numbers (NaN or infinity): write '
                'a number there, or remove the file.'
            )
        return (np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5).astype(np.uint8)


def usual_bits(needed: int) -> int:
    """Return the number of bits of usual sensors that holds ``needed`` bits.

    Example:
        >>> usual_bits(11), usual_bits(15)
        (12, 16)
    """
    return next((bits for bits in (8, 10, 12, 14, 16) if bits >= needed), 32)
