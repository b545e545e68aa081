"""Loading of an image file, with errors that name the file."""

from __future__ import annotations

from mmcv.transforms import LoadImageFromFile as _LoadImageFromFile

from ..registry import TRANSFORMS
from ..utils.images import unreadable_image_error


@TRANSFORMS.register_module()
class LoadImageFromFile(_LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``, with errors that name the file and tell the user what to do.

    OpenCV's error for an empty file does not name the file, and mmcv raises an AssertionError for a
    damaged file, which looks like a bug. The arguments are the same.

    If ``results`` already contains an image and no path, it is returned unchanged. mmpretrain's
    inferencers read images themselves, but remove only mmcv's own transform from a pipeline.

    Example:
        >>> LoadImageFromFile()({'img': 'pixels'})
        {'img': 'pixels'}
    """

    def transform(self, results: dict) -> dict | None:
        """Load ``results['img_path']`` into ``results['img']``, (H, W, 3) uint8 in BGR order.

        Raises:
            OSError: the system cannot open the file; the error contains the path.
            ValueError: the file is damaged, empty or not an image.
        """
        if 'img' in results and 'img_path' not in results:
            return results
        try:
            return super().transform(results)
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a system error, which contains the path
            reason = '' if isinstance(error, AssertionError) else f'{error}'.strip()
            raise unreadable_image_error(
                results['img_path'], reason or 'no image format'
            ) from error
