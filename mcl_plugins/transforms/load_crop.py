"""Loading of random crops: the decoder reads no finer than the crops are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..registry import TRANSFORMS
from ..utils.image_errors import UnreadableImageError
from ..utils.jpeg import jpeg_size
from .crop_box import Box, CropRange, choose_reduction, reduce_box
from .load_image import LoadImageFromFile
from .resize import INTERPOLATIONS, resize


@TRANSFORMS.register_module()
class LoadRandomResizedCrop(LoadImageFromFile):
    """Load an image file, crop it at random, and resize the crop with antialiasing.

    This is ``LoadImageFromFile``, ``RandomResizedCrop`` and ``RandomFlip`` in one step, because it
    draws the crops before it decodes the image, once for all of them. A JPEG is decoded to a half,
    a quarter or an eighth of its size if all crops then still have at least the size that they are
    resized to.

    The boxes have mmpretrain's and torchvision's distribution, and come from NumPy's generator. The
    crop is cut out before it is resized; see :func:`~mcl_plugins.transforms.resize.resize` for how
    near to Pillow's result it is. OpenCV decodes JPEGs to the same values as torchvision and
    Pillow, in the time of torchvision. Reduced decoding moves the edges of a box to the nearest
    pixels that there are, by up to half of one. A pixel is then the mean of 4 to 64 before the
    crop is resized; compared with the same box of the whole image, the crop of a photograph with
    much detail differs by one level of 255 on average.

    Required keys: ``img_path``.
    Modified keys: ``img``, uint8, (H, W, 3) in BGR order or with other bands as ``color_type``
    says, or a list of such arrays; ``img_shape``; ``ori_shape``.

    Args:
        scale: side of the resized crop, or its height and width.
        crop_ratio_range: smallest and largest part of the image's area; a list of such pairs for
            several crops, and ``img`` becomes a list.
        aspect_ratio_range: smallest and largest ratio of the crop's width to its height.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
        flip_prob: probability that a crop is flipped horizontally.
        **kwargs: arguments of :class:`~mcl_plugins.transforms.LoadImageFromFile`.

    Raises:
        ValueError: an argument is not one of these.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> load = LoadRandomResizedCrop(scale=32, crop_ratio_range=[(0.2, 1.0), (0.2, 1.0)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new('RGB', (100, 80)).save(f'{folder}/black.jpg')
        ...     crops = load({'img_path': f'{folder}/black.jpg'})['img']
        >>> [crop.shape for crop in crops]
        [(32, 32, 3), (32, 32, 3)]
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        crop_ratio_range: Sequence = (0.08, 1.0),
        aspect_ratio_range: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: str = 'bilinear',
        flip_prob: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"interpolation={interpolation!r} must be 'bilinear' or 'bicubic', which resize "
                'with antialiasing.'
            )
        if not 0 <= flip_prob <= 1:
            raise ValueError(f'flip_prob={flip_prob} must be a probability, from 0 to 1.')
        self.size = (scale, scale) if isinstance(scale, int) else tuple(scale)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'scale={scale} must be a number of pixels, or height and width.')
        self.several = isinstance(crop_ratio_range[0], Sequence)
        ranges = crop_ratio_range if self.several else [crop_ratio_range]
        self.ranges = [CropRange(part, aspect_ratio_range) for part in ranges]
        self.interpolation = interpolation
        self.flip_prob = flip_prob

    def transform(self, results: dict) -> dict | None:
        """Load the crops of ``results['img_path']``.

        Raises:
            OSError: the system cannot open the file; the error contains the path.
            ValueError: the file is damaged, empty or not an image, or has other bits or bands than
                the settings say.
        """
        path = results['img_path']
        try:
            image, boxes, size = self._read_boxes(self.read(path), path)
        except (UnreadableImageError, OSError):
            if self.ignore_empty:
                return None
            raise
        crops = [self._finish(resize(image, box, self.size, self.interpolation)) for box in boxes]
        results['img'] = crops if self.several else crops[0]
        results['img_shape'], results['ori_shape'] = self.size, size
        return results

    def _read_boxes(self, content: bytes, path: str) -> tuple[np.ndarray, list[Box], tuple]:
        """Decode an image as far as the crops need it.

        Returns:
            The image, the boxes in its pixels, and height and width of the file.
        """
        size = jpeg_size(content, self.decoder.turns) if self.decoder.can_reduce else None
        if size is not None and min(size[0] // self.size[0], size[1] // self.size[1]) >= 2:
            boxes = self._draw(size)
            reduction = choose_reduction(boxes, self.size)
            image = self.decoder(content, path, reduction)
            if image.shape[:2] == tuple(-(-side // reduction) for side in size):
                return image, [reduce_box(box, reduction) for box in boxes], size
        image = self.decoder(content, path)
        size = image.shape[:2]
        return image, self._draw(size), size

    def _draw(self, size: tuple[int, int]) -> list[Box]:
        return [part.draw(*size) for part in self.ranges]

    def _finish(self, crop: np.ndarray) -> np.ndarray:
        if self.flip_prob and np.random.random() < self.flip_prob:
            crop = crop[:, ::-1]
        return crop.astype(np.float32) if self.to_float32 else crop

    def __repr__(self) -> str:
        areas = [tuple(part.areas) for part in self.ranges]
        return (
            f'{super().__repr__()[:-1]}, scale={self.size}, '
            f'crop_ratio_range={areas if self.several else areas[0]}, '
            f'aspect_ratio_range={tuple(self.ranges[0].ratios)}, '
            f'interpolation={self.interpolation!r}, flip_prob={self.flip_prob})'
        )
