"""The one decoder of image files: training, pictures and retrieval get the same pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence

import mmcv
import numpy as np
from mmcv.image.io import (
    IMREAD_COLOR,
    IMREAD_GRAYSCALE,
    IMREAD_IGNORE_ORIENTATION,
    IMREAD_UNCHANGED,
)
from PIL import Image, ImageOps

from .bit_depth import BitDepth
from .image_errors import UnreadableImageError, printable, unreadable_image_error
from .tiff import Pixels, is_tiff, read_tiff

IMREAD_ANYDEPTH = 2  # OpenCV's flag for more than 8 bits
# Names of the transforms that read image files, for those who look for them in a config.
LOADERS = ('LoadRandomResizedCrop', 'LoadImageFromFile')
COLOR_TYPES = (
    'color',
    'grayscale',
    'unchanged',
    'color_ignore_orientation',
    'grayscale_ignore_orientation',
)


class ImageDecoder:
    """Decode an image file to 8 bits per value.

    The image is turned upright as its EXIF orientation says, except with ``'unchanged'`` and
    ``*_ignore_orientation``, as in mmcv. Of an alpha channel nothing is used: pixels have their
    stored colour. Of an animation the first frame is read.

    Args:
        color_type: ``'color'`` for three bands in BGR order, ``'grayscale'`` for one,
            ``'unchanged'`` for all bands of the file.
        bit_depth: number of bits of data with more than 8; None to take that of the file, see
            :class:`~mcl_plugins.utils.bit_depth.BitDepth`.
        value_range: the values that become 0 and 255, for data of other types such as float.
        backend: the library that reads images of 8 bits, as in mmcv: ``'cv2'`` or ``'pillow'``.

    Raises:
        ValueError: an argument is not one of these.

    Example:
        >>> content = b'P5 3 2 65535 ' + np.full((2, 3), 51400, '>u2').tobytes()
        >>> ImageDecoder('grayscale')(content, 'gray.pgm')
        array([[200, 200, 200],
               [200, 200, 200]], dtype=uint8)
    """

    def __init__(
        self,
        color_type: str = 'color',
        bit_depth: int | None = None,
        value_range: Sequence[float] | None = None,
        backend: str | None = 'cv2',
    ) -> None:
        if color_type not in COLOR_TYPES:
            raise ValueError(
                f'color_type={color_type!r} must be one of {", ".join(map(repr, COLOR_TYPES))}.'
            )
        self.color_type = color_type
        self.depth = BitDepth(bit_depth, value_range)
        self.backend = backend

    def __call__(self, content: bytes, path: str, reduction: int = 1) -> np.ndarray:
        """Decode an image.

        Args:
            content: the file.
            path: its name, for messages.
            reduction: 2, 4 or 8 to decode a JPEG, if :attr:`can_reduce`, to a half, a quarter or
                an eighth of its height and width, rounded up. The inverse DCT does this, so that
                each pixel is nearly the mean of those of the whole image in its place.

        Returns:
            uint8: (H, W) of one band; (H, W, 3) in BGR order; (H, W, C) in the order of the file.

        Raises:
            ValueError: the file cannot be decoded, or has other bands or bits than the settings
                say.
        """
        pixels = self.read(content, path, reduction)
        values = self.depth.scale(pixels.values, path, pixels.white)
        return self._select_bands(Pixels(values, pixels.alpha), path)

    def read(self, content: bytes, path: str, reduction: int = 1) -> Pixels:
        """Read the values of a file without scaling them, in the order of the file."""
        if not content:
            raise unreadable_image_error(path, 'an empty file')
        if is_tiff(content):
            return read_tiff(content, path, self.turns)
        try:
            if content[:4] == b'GIF8':
                return _first_frame(content)
            return self._read(content, reduction)
        except Exception as error:  # OpenCV and Pillow raise errors of many kinds
            raise unreadable_image_error(path, error) from error

    @property
    def turns(self) -> bool:
        """Whether images are turned upright."""
        return self.color_type in ('color', 'grayscale')

    @property
    def can_reduce(self) -> bool:
        """Whether a JPEG can be decoded to a part of its size."""
        return self.bands is not None and self.backend in (None, 'cv2')

    @property
    def bands(self) -> int | None:
        """Number of bands of the decoded image; None if it is that of the file."""
        kind = self.color_type.partition('_')[0]
        return {'color': 3, 'grayscale': 1}.get(kind)

    def _read(self, content: bytes, reduction: int) -> Pixels:
        """Read a file that is neither TIFF nor GIF, or raise an error if it is damaged."""
        if _is_cut_off(content):
            with Image.open(io.BytesIO(content)) as image:
                image.load()  # raises an error; OpenCV may fill in what is missing
        white = _largest_of_netpbm(content)
        if self.color_type == 'unchanged':
            values = _decode(content, IMREAD_UNCHANGED)
            if values.ndim == 3 and values.shape[2] == 4 and _is_gray_with_alpha(content):
                values = values[..., 2:]
            return _in_order_of_file(values, white)
        flags = IMREAD_ANYDEPTH
        if reduction > 1:
            flags |= 8 * reduction  # OpenCV's flags IMREAD_REDUCED_*
        flags |= IMREAD_COLOR if self.bands == 3 else IMREAD_GRAYSCALE
        if not self.turns:
            flags |= IMREAD_IGNORE_ORIENTATION
        if self.backend in (None, 'cv2') or _is_deep(content) or white not in (None, 255):
            return _in_order_of_file(_decode(content, flags), white)
        values = mmcv.imfrombytes(content, flag=self.color_type, backend=self.backend)
        if values is None:
            raise ValueError('no image format')
        return _in_order_of_file(values, white)

    def _select_bands(self, pixels: Pixels, path: str) -> np.ndarray:
        """Bring bands in the form that ``color_type`` says."""
        values, count = pixels.values, pixels.values.shape[2]
        if self.bands is not None and pixels.alpha:
            values, count = values[..., :-1], count - 1
        if self.bands is not None and count not in (1, 3):
            raise UnreadableImageError(
                f'{printable(path)} has {count} bands, but color_type={self.color_type!r} reads 1 '
                "or 3: set color_type='unchanged' of LoadImageFromFile to read them all, and "
                f'in_channels={count} of the backbone and mean and std of {count} numbers.'
            )
        if self.bands == 1 and count == 3:
            return mmcv.rgb2gray(np.ascontiguousarray(values))
        if self.bands == 3 and count == 1:
            values, count = np.repeat(values, 3, axis=2), 3
        if count == 1:
            return np.ascontiguousarray(values[..., 0])
        return np.ascontiguousarray(values[..., ::-1] if count == 3 else values)


def _decode(content: bytes, flags: int) -> np.ndarray:
    values = mmcv.imfrombytes(content, flag=flags, backend='cv2')
    if values is None:
        raise ValueError('no image format, or damaged')
    return values


def _in_order_of_file(values: np.ndarray, white: int | None) -> Pixels:
    """OpenCV's BGR or BGRA -> RGB or RGBA."""
    values = values.reshape(*values.shape[:2], -1)
    if values.shape[2] == 4:
        return Pixels(values[..., [2, 1, 0, 3]], alpha=True, white=white)
    return Pixels(values[..., ::-1] if values.shape[2] == 3 else values, white=white)


def _first_frame(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return Pixels(np.array(ImageOps.exif_transpose(image).convert('RGB')))


def _is_cut_off(content: bytes) -> bool:
    """Whether the end of a JPEG or PNG may be missing."""
    if content[:2] == b'\xff\xd8':
        end = content.rfind(b'\xff\xd9')
        return end < 0 or (end < len(content) - 4096 and content.rfind(b'\xff\xda') > end)
    return content[:4] == b'\x89PNG' and b'IEND' not in content[-4096:]


def _is_deep(content: bytes) -> bool:
    """Whether a file may have more than 8 bits per value, of which Pillow would keep 8."""
    if content[:4] == b'\x89PNG':
        return content[24:25] == b'\x10'
    return content[:4] in (b'\xff\x4f\xff\x51', b'\0\0\0\x0c')  # JPEG 2000


def _is_gray_with_alpha(content: bytes) -> bool:
    """Whether a file is a PNG of a gray and an alpha band, which OpenCV expands to four."""
    return content[:4] == b'\x89PNG' and content[25:26] == b'\x04'


def _largest_of_netpbm(content: bytes) -> int | None:
    """Return the value for white that the header of a .pgm or .ppm states."""
    if content[:1] != b'P' or content[1:2] not in b'2356' or not content[2:3].isspace():
        return None
    words: list[bytes] = []
    for line in content[2:1024].splitlines()[:8]:
        words += line.partition(b'#')[0].split()
    # 65535 says only that it has 16 bits.
    return int(words[2]) if len(words) > 2 and words[2] != b'65535' else None
