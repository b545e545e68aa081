"""The size of a JPEG from its header, without decoding it."""

from __future__ import annotations

import io
import struct

from .exif import exif_orientation

_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive, with Huffman codes
_NO_FRAME = {0xC4, 0xC8, 0xCC}  # other markers between 0xC0 and 0xCF
_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def jpeg_size(content: bytes, turned: bool = True) -> tuple[int, int] | None:
    """Return height and width of a JPEG.

    Args:
        content: the file.
        turned: of the image turned upright, as its EXIF orientation says.

    Returns:
        None if the file is no JPEG of a usual kind; a decoder may be able to read it nevertheless.

    Example:
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new('RGB', (40, 30)).save(file, 'JPEG')
        >>> jpeg_size(file.getvalue())
        (30, 40)
    """
    if content[:2] != b'\xff\xd8':
        return None
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from('>HH', content, place + 5)
            if not height or not width:
                return None
            swapped = turned and b'Exif' in content[:place] and _swaps(content)
            return (width, height) if swapped else (height, width)
        if marker in (_SCAN, _END) or (0xC0 <= marker <= 0xCF and marker not in _NO_FRAME):
            return None
        if marker == 0xFF:  # a byte that fills a gap
            place += 1
        elif marker in _ALONE:
            place += 2
        else:
            place += 2 + struct.unpack_from('>H', content, place + 2)[0]
    return None


def _swaps(content: bytes) -> bool:
    return exif_orientation(io.BytesIO(content)) >= 5
