"""Reading of TIFF files: any number of bands and bits."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .image_errors import printable, unreadable_image_error

tifffile: Any = None
with suppress(ImportError):  # optional: mcl_plugins[tiff]
    tifffile = import_module('tifffile')

# Modes of Pillow in which nothing of a file is lost, and those that they are converted to.
_PILLOW = {
    '1': 'L',
    'L': 'L',
    'LA': 'LA',
    'P': 'RGB',
    'PA': 'RGBA',
    'RGB': 'RGB',
    'RGBA': 'RGBA',
    'CMYK': 'RGB',
    'YCbCr': 'RGB',
}
_PILLOW_BANDS = 4
_DEEP = ('I;16', 'I;16B')  # gray, of 12 or 16 bits
_BITS, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _EXTRA = 258, 262, 274, 277, 338
_INVERTED, _PLAIN, _RGB = 0, 1, 2  # values of the tag for photometric interpretation


@dataclass
class Pixels:
    """The content of an image file.

    Attributes:
        values: (H, W, C) in the order of the file, upright.
        alpha: whether the last band is an alpha channel.
        white: the largest value as the file says; None if it says nothing.
    """

    values: np.ndarray
    alpha: bool = False
    white: int | None = None


def is_tiff(content: bytes) -> bool:
    """Whether a file is a TIFF or BigTIFF."""
    return content[:4] in (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')


def read_tiff(content: bytes, path: str, turned: bool = True) -> Pixels:
    """Read a TIFF; pages of one size are its bands.

    Files of up to 8 bits that are gray, colour or palette images, with or without alpha, and gray
    ones of 12 or 16 bits are read by Pillow, others by tifffile.

    Args:
        content: the file.
        path: its name, for messages.
        turned: turn the image as its orientation tag says.

    Raises:
        ValueError: the file cannot be read, or a library that it needs is not installed.
    """
    found = _read_with_pillow(content, path)
    if found is None:
        pixels, orientation = _read_with_tifffile(content, path)
        if turned:
            pixels.values = turn(pixels.values, orientation)
        return pixels
    pixels, orientation = found
    if not turned:  # Pillow has turned it
        pixels.values = turn(pixels.values, {6: 8, 8: 6}.get(orientation, orientation))
    return pixels


def turn(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image (H, W, C) upright that has an EXIF orientation of 1 to 8.

    Example:
        >>> turn(np.array([[[1], [2]]]), 6)[..., 0]  # to be turned clockwise
        array([[1],
               [2]])
    """
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    return values


def _read_with_pillow(content: bytes, path: str) -> tuple[Pixels, int] | None:
    """Read pixels and orientation; None if Pillow would lose a part of the file."""
    try:
        tags = _read_tags(content)
        if tags.get(_SAMPLES, 1) > _PILLOW_BANDS:
            return None  # Pillow would log an error
        with Image.open(io.BytesIO(content)) as image:
            bits = max(tags.get(_BITS, (1,)))
            deep = image.mode in _DEEP and bits > 8 and tags.get(_PHOTOMETRIC) == _PLAIN
            if not deep and (image.mode not in _PILLOW or bits > 8):
                return None
            # A band that is not said to be alpha is none, and Pillow may leave it out.
            bands = len(image.getbands())
            if 0 in tags.get(_EXTRA, ()) or tags.get(_SAMPLES, bands) != bands:
                return None
            if _has_pages(image):
                return None
            orientation = image.getexif().get(_ORIENTATION, 1)
            if deep:
                values = np.array(image).astype(np.uint16)
            else:
                values = np.array(image.convert(_PILLOW[image.mode]))
    except UnidentifiedImageError:
        return None
    except Image.DecompressionBombError as error:
        raise unreadable_image_error(path, error) from error
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error) as error:
        raise unreadable_image_error(path, error) from error
    values = values.reshape(*values.shape[:2], -1)
    white = 2**bits - 1 if deep and bits < 16 else None
    return Pixels(values, alpha=values.shape[2] in (2, 4), white=white), orientation


def _read_tags(content: bytes) -> Any:
    """Read the tags of the first page."""
    header = content[: 16 if 43 in content[2:4] else 8]  # of a BigTIFF it is longer
    tags = ImageFileDirectory_v2(header)
    file = io.BytesIO(content)
    file.seek(tags.next)
    tags.load(file)
    return tags


def _has_pages(image: Any) -> bool:
    """Whether a file has a second page of the same size; smaller ones are previews."""
    if image.n_frames == 1:
        return False
    size = image.size
    image.seek(1)
    same = image.size == size
    image.seek(0)
    return same


def _read_with_tifffile(content: bytes, path: str) -> tuple[Pixels, int]:
    if tifffile is None:
        raise ValueError(
            f'{printable(path)} is a TIFF of several bands or more than 8 bits, which needs '
            'tifffile: python -m pip install tifffile.'
        )
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            series = file.series[0]
            page: Any = series.pages[0]
            values = _bands_last(series.asarray(), series.axes)
            orientation = int(page.tags[_ORIENTATION].value) if _ORIENTATION in page.tags else 1
            photometric, bits = int(page.photometric), page.bitspersample
            extra = [int(kind) for kind in page.extrasamples]
    except Exception as error:  # tifffile raises errors of many kinds
        if 'imagecodecs' in str(error):
            raise ValueError(
                f'{printable(path)} is compressed in a way that needs imagecodecs: python -m pip '
                'install imagecodecs.'
            ) from None
        raise unreadable_image_error(path, error) from error
    if photometric not in (_INVERTED, _PLAIN, _RGB):
        raise unreadable_image_error(path, f'a TIFF with photometric interpretation {photometric}')
    if values.ndim != 3:
        raise unreadable_image_error(path, f'a TIFF of shape {values.shape}, not bands and pixels')
    white = None if bits == 8 * values.dtype.itemsize else 2**bits - 1
    if photometric == _INVERTED and values.dtype.kind == 'u':
        values = (white or np.iinfo(values.dtype).max) - values
    alpha = values.shape[2] == photometric_bands(photometric) + 1 and extra[-1:] in ([1], [2])
    return Pixels(values, alpha, white), orientation


def photometric_bands(photometric: int) -> int:
    """Return the number of bands of an image without alpha: 3 for RGB, else 1."""
    return 3 if photometric == _RGB else 1


def _bands_last(values: np.ndarray, axes: str) -> np.ndarray:
    """Bring bands to the last axis: (H, W), (C, H, W) or (H, W, C) -> (H, W, C)."""
    if values.ndim == 2:
        return values[..., None]
    if values.ndim != 3 or axes.endswith('S'):
        return values
    # An array as tifffile writes it without more words (Q): the bands are fewer than the pixels.
    if axes.startswith('Q') and values.shape[2] < values.shape[0]:
        return values
    return np.moveaxis(values, 0, -1)
