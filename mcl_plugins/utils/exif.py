"""The turn that a camera states in an image file, which viewers and most decoders apply."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image

_ORIENTATION = 0x0112


def exif_orientation(path: str | Path | IO[bytes]) -> int:
    """Return the EXIF orientation of an image file, 1 to 8.

    1 is upright; 2, 3 and 4 are flipped or upside down; 5 to 8 exchange width and height.

    Returns:
        1 too if the file states none or cannot be read here.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new('RGB', (4, 2)).save(f'{folder}/upright.jpg')
        ...     exif_orientation(f'{folder}/upright.jpg')
        1
    """
    try:
        with Image.open(path) as image:
            turn = image.getexif().get(_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return 1
    return turn if turn in range(1, 9) else 1
