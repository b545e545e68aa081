"""From an image to the input of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop

from ..utils.decoding import ImageDecoder
from .reading import Reading


@dataclass(frozen=True)
class Preprocessing:
    """Scale the short side of an image, cut out the middle, and normalise.

    Attributes:
        size: side of the result in pixels.
        mean, std: of each band, on the scale of 0 to 255; colours in the order RGB.
        crop: what the middle is of the scaled short side.
        reading: how files become 8 bits per value, as in the training.

    Raises:
        ValueError: ``reading`` has a setting that no loader has.

    Example:
        >>> prepare = Preprocessing(224, [127.5] * 3, [127.5] * 3)
        >>> images = prepare(np.full((300, 400, 3), 255, np.uint8))
        >>> images.shape, images.unique()
        (torch.Size([1, 3, 224, 224]), tensor([1.]))
    """

    size: int
    mean: Sequence[float]
    std: Sequence[float]
    crop: float = 0.875
    reading: Reading = field(default_factory=Reading)

    def __post_init__(self) -> None:
        _ = self.decoder  # wrong settings are known before the first image

    @cached_property
    def decoder(self) -> ImageDecoder:
        """The decoder of files, which gives the bands of ``mean``."""
        return self.reading.for_bands(len(self.mean)).decoder()

    @property
    def scale(self) -> int:
        """The short side of the scaled image, of which the middle is cut out."""
        return max(self.size, int(self.size / self.crop))

    def __call__(self, images: Any) -> Tensor:
        """Prepare one image or several.

        Args:
            images: a file, a Pillow image, a uint8 array (H, W) or (H, W, C) or a uint8 tensor
                (H, W) or (C, H, W), colours as RGB; or several, as a list or a batch.

        Returns:
            (N, C, size, size) float32.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file is no image, or an image has other bands than ``mean``.
        """
        several = list(images) if _is_batch(images) else [images]
        return torch.stack([self.normalise(self.cut(self.read(image))) for image in several])

    def read(self, image: Any) -> Tensor:
        """Return an image as a uint8 tensor (C, H, W)."""
        bands = len(self.mean)
        if isinstance(image, str | Path):
            pixels = self._decode(Path(image))
        elif isinstance(image, Tensor):
            pixels = image.permute(1, 2, 0).numpy() if image.ndim == 3 else image.numpy()
        elif isinstance(image, Image.Image):
            mode = {1: 'L', 3: 'RGB'}.get(bands)
            turned = ImageOps.exif_transpose(image) if self.decoder.turns else image
            deep = turned.mode.startswith(('I', 'F'))  # Pillow would clip them to 8 bits
            pixels = np.asarray(turned.convert(mode) if mode and not deep else turned)
        else:
            pixels = np.asarray(image)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        if pixels.dtype != np.uint8:
            raise ValueError(
                f'an image has values of type {pixels.dtype}: give 8 bits per value, 0 to 255, or '
                'the path of its file.'
            )
        if pixels.shape[2] == 1 and bands == 3:
            pixels = np.repeat(pixels, 3, axis=2)
        if pixels.shape[2] != bands:
            raise ValueError(
                f'an image has {pixels.shape[2]} bands and the encoder takes {bands}: load it with '
                f'in_chans={pixels.shape[2]}.'
            )
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)

    def _decode(self, path: Path) -> np.ndarray:
        pixels = self.decoder(path.read_bytes(), str(path))
        return pixels[..., ::-1] if pixels.ndim == 3 and pixels.shape[2] == 3 else pixels

    def cut(self, image: Tensor) -> Tensor:
        """Scale an image (C, H, W) and cut out its middle; both sides are then ``size``."""
        height, width = image.shape[1:]
        long = int(self.scale * max(height, width) / min(height, width))
        size = (self.scale, long) if width <= height else (long, self.scale)
        # Pillow, as in the configs, timm and transformers; it takes any number of bands one by one.
        bands = [
            np.asarray(Image.fromarray(band).resize(size, Image.Resampling.BICUBIC))
            for band in image.numpy()
        ]
        return center_crop(torch.from_numpy(np.stack(bands)), [self.size, self.size])

    def normalise(self, images: Tensor) -> Tensor:
        """Convert uint8 images (..., C, H, W) to float32 with mean 0 and deviation 1."""
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=images.device).view(-1, 1, 1)
            for values in (self.mean, self.std)
        )
        return (images.float() - mean) / std


def _is_batch(images: Any) -> bool:
    return isinstance(images, list | tuple) or getattr(images, 'ndim', 0) == 4
