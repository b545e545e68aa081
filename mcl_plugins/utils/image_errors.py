"""The error of an image file that cannot be used, and names of files in messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_SHOWN = 5  # names in a message


class UnreadableImageError(ValueError):
    """An image file is damaged, or its values are not those that the settings say.

    A data set replaces such an image in training, up to ``max_bad_images`` of them.
    """


def printable(path: str | Path) -> str:
    r"""Return a path as text that can be written to a log, also if its name is no UTF-8.

    Example:
        >>> printable('caf\udce9.jpg')
        'caf\\udce9.jpg'
    """
    return str(path).encode('utf-8', 'backslashreplace').decode()


def is_utf8(name: str) -> bool:
    r"""Whether a file's name is UTF-8 text; Python escapes the other bytes of one that is not.

    Example:
        >>> is_utf8('café.jpg'), is_utf8('caf\udce9.jpg')
        (True, False)
    """
    return printable(name) == name


def name_unreadable(names: Sequence[str | Path], total: int, what: str = 'images') -> str:
    """Say which of a number of files cannot be read; an empty string if there are none.

    Example:
        >>> name_unreadable(['cat.jpg'], 200)
        '1 of 200 images cannot be read: cat.jpg'
    """
    shown = ', '.join(map(printable, names[:_SHOWN])) + ', ...' * (len(names) > _SHOWN)
    return f'{len(names)} of {total} {what} cannot be read: {shown}' if names else ''


def unreadable_image_error(path: str | Path, reason: object) -> UnreadableImageError:
    """Return the error to raise for a file that is damaged, empty or not an image.

    Example:
        >>> unreadable_image_error('cat.png', 'no image format')
        UnreadableImageError('cat.png cannot be read as an image (no image format): remove or \
replace it.')
    """
    text = str(reason).strip()
    if 'decompression bomb' in text:
        text = f'{text} Pillow refuses more than twice PIL.Image.MAX_IMAGE_PIXELS'
    elif 'CV_IO_MAX_IMAGE' in text:
        text = 'it has more pixels than OpenCV reads, see its OPENCV_IO_MAX_IMAGE_PIXELS'
    return UnreadableImageError(
        f'{printable(path)} cannot be read as an image ({text}): remove or replace it.'
    )
