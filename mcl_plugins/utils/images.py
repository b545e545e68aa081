"""The suffixes of image files, and reading one for a picture or a retrieval."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .decoding import ImageDecoder
from .image_errors import (
    UnreadableImageError,
    is_utf8,
    name_unreadable,
    printable,
    unreadable_image_error,
)

__all__ = [
    'IMAGE_SUFFIXES',
    'UnreadableImageError',
    'is_utf8',
    'name_unreadable',
    'open_rgb',
    'printable',
    'unreadable_image_error',
]

# What the decoder reads; of a .gif the first frame. Training, pictures and retrieval take files
# with these suffixes, in lower or upper case.
IMAGE_SUFFIXES = (
    '.jpg',
    '.jpeg',
    '.jpe',
    '.jfif',
    '.png',
    '.bmp',
    '.webp',
    '.tif',
    '.tiff',
    '.gif',
    '.jp2',
    '.ppm',
    '.pgm',
    '.pbm',
    '.pnm',
)


def open_rgb(path: Path, decode: Callable[[bytes, str], np.ndarray] | None = None) -> Image.Image:
    """Read an image file for a picture, with the pixels that training gets.

    Args:
        path: the image file.
        decode: an :class:`~mcl_plugins.utils.decoding.ImageDecoder`, by default one for colour.

    Returns:
        An RGB image; a gray one (mode L) if ``decode`` gives one band.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be read as an image, is larger than Pillow's limit or has
            neither one nor three bands.
    """
    try:
        with Image.open(path):  # reads the size only, and compares it with Pillow's limit
            pass
    except Image.DecompressionBombError as error:
        raise unreadable_image_error(path, error) from None
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError):
        pass  # Pillow knows fewer formats than the decoder
    pixels = (decode or ImageDecoder())(path.read_bytes(), str(path))
    if pixels.ndim == 3 and pixels.shape[2] != 3:
        raise ValueError(
            f'{printable(path)} has {pixels.shape[2]} bands: pictures are drawn of one band or of '
            'three.'
        )
    return Image.fromarray(pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1]))
