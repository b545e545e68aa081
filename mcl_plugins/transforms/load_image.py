"""Loading an image, with a file that cannot be read named."""

from __future__ import annotations

from mmcv.transforms import LoadImageFromFile as _LoadImageFromFile

from ..registry import TRANSFORMS
from ..utils.images import unreadable_image_error


@TRANSFORMS.register_module()
class LoadImageFromFile(_LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``, whose errors name the file and what to do about it.

    OpenCV's error for an empty file does not say which one it is, and mmcv's for a damaged one is
    an AssertionError, as for a fault of the code. The arguments are the same.

    An image that is there already is left as it is: mmpretrain's inferencers read images themselves
    and take only mmcv's transform of this name out of a pipeline.
    """

    def transform(self, results: dict) -> dict | None:
        """Load ``results['img_path']`` into ``results['img']``, (H, W, 3) uint8 in BGR order.

        Raises:
            OSError: the system cannot open the file; the error has the path.
            ValueError: the file is damaged, empty or no image.
        """
        if 'img' in results and 'img_path' not in results:
            return results
        try:
            return super().transform(results)
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the system: it has the path
            reason = '' if isinstance(error, AssertionError) else f'{error}'.strip()
            raise unreadable_image_error(
                results['img_path'], reason or 'no image format'
            ) from error
