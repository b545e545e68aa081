"""Reading image files, with errors that name the file."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

# What OpenCV and Pillow both read; of a .gif the first frame. Training, pictures and retrieval take
# files with these suffixes, in lower or upper case.
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


def unreadable_image_error(path: str | Path, reason: object) -> ValueError:
    """Return the error to raise for a file that is damaged, empty or not an image.

    Example:
        >>> unreadable_image_error('cat.png', 'no image format')
        ValueError('cat.png cannot be read as an image (no image format): remove or replace it.')
    """
    return ValueError(f'{path} cannot be read as an image ({reason}): remove or replace it.')


def open_rgb(path: Path) -> Image.Image:
    """Read an image file as RGB.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            return image.convert('RGB')
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow's errors for damaged files, and for images of more pixels than its limit
        raise unreadable_image_error(path, error) from None
