"""Loading of an image file, with errors that name the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile as _LoadImageFromFile
from mmengine import fileio

from ..registry import TRANSFORMS
from ..utils.decoding import ImageDecoder
from ..utils.images import UnreadableImageError


@TRANSFORMS.register_module()
class LoadImageFromFile(_LoadImageFromFile):
    """mmcv's ``LoadImageFromFile`` with the package's decoder, and errors that name the file.

    Files of more than 8 bits or with other numbers of bands than 1 and 3 are supported, and never
    clipped; see :class:`~mcl_plugins.utils.decoding.ImageDecoder`.

    If ``results`` already contains an image and no path, it is returned unchanged. mmpretrain's
    inferencers read images themselves, but remove only mmcv's own transform from a pipeline.

    Args:
        *args: arguments of mmcv's transform.
        bit_depth: number of bits of data with more than 8 per value; None to take that of the
            file.
        value_range: the values that become 0 and 255, of data of other types such as float.
        **kwargs: the other arguments of mmcv's transform: ``color_type='unchanged'`` loads all
            bands.

    Example:
        >>> LoadImageFromFile()({'img': 'pixels'})
        {'img': 'pixels'}
    """

    def __init__(
        self,
        *args: Any,
        bit_depth: int | None = None,
        value_range: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.decoder = ImageDecoder(self.color_type, bit_depth, value_range, self.imdecode_backend)

    def transform(self, results: dict) -> dict | None:
        """Load ``results['img_path']`` into ``results['img']``, uint8.

        Its shape is (H, W, 3) in BGR order, (H, W) of one band, or (H, W, C) of others.

        Raises:
            OSError: the system cannot open the file; the error contains the path.
            ValueError: the file is damaged, empty or not an image, or has other bits or bands than
                the settings say.
        """
        if 'img' in results and 'img_path' not in results:
            return results
        try:
            image = self.load(results['img_path'])
        except (UnreadableImageError, OSError):
            if self.ignore_empty:
                return None
            raise
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def load(self, path: str) -> np.ndarray:
        """Read and decode a file; returns and raises as :meth:`transform`."""
        return self.decoder(self.read(path), path)

    def read(self, path: str) -> bytes:
        """Read a file from the storage backend of its path."""
        if self.file_client_args is not None:
            return fileio.FileClient.infer_client(self.file_client_args, path).get(path)
        return fileio.get(path, backend_args=self.backend_args)

    def __repr__(self) -> str:
        depth = self.decoder.depth
        return (
            f'{super().__repr__()[:-1]}, bit_depth={depth.bits}, value_range={depth.value_range})'
        )
