"""Image files that cannot be read are named."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def unreadable_image_error(path: str | Path, reason: object) -> ValueError:
    """The error to raise for a file that is damaged, empty or no image."""
    return ValueError(f'{path} cannot be read as an image ({reason}): remove or replace it.')


def open_rgb(path: Path) -> Image.Image:
    """An image file as RGB.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image.
    """
    try:
        with Image.open(path) as image:
            return image.convert('RGB')
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:  # Pillow's own for broken headers, cut files and PNGs
        raise unreadable_image_error(path, error) from None
