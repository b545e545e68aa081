"""Reading label maps as they are in the file, before anything can wrap or move their values.

This module imports mmseg, so it is only imported when one of the data sets is built.
"""

from __future__ import annotations

import mmcv
import numpy as np
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from ..transforms import step_lists
from ..utils.images import unreadable_image_error
from .label_values import IGNORED, check_channels, check_size, check_values


class LabelMapLoader(LoadAnnotations):
    """mmseg's ``LoadAnnotations``, which checks the file before its values become 8 bits.

    mmseg casts labels to 8 bits, so 256 becomes 0 and 1000 becomes 232, and takes the colours of an
    RGB file for a map of three rows of pixels. The arguments and the result are mmseg's.
    """

    def read(self, results: dict) -> np.ndarray:
        """Read ``results['seg_map_path']``: (H, W) uint8, the values of the file.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: it is no image, has several channels or values that are no 8-bit numbers, or
                another size than the image, whose (H, W) is ``results['ori_shape']`` if known.
        """
        path = results['seg_map_path']
        content = fileio.get(path, backend_args=self.backend_args)
        try:
            labels = mmcv.imfrombytes(content, flag='unchanged', backend=self.imdecode_backend)
        except Image.DecompressionBombError as error:
            raise unreadable_image_error(path, error) from error
        if labels is None:  # OpenCV's word for a damaged file
            raise unreadable_image_error(path, 'no image format')
        if labels.ndim > 2:
            labels = labels.squeeze()
        check_channels(path, labels)
        check_values(path, labels)
        if 'ori_shape' in results:
            check_size(path, labels.shape, results['img_path'], tuple(results['ori_shape'][:2]))
        return labels.astype(np.uint8)

    @staticmethod
    def to_classes(labels: np.ndarray, results: dict) -> np.ndarray:
        """Number the classes from 0: (H, W) uint8; 255 is ignored.

        ``results['reduce_zero_label']`` and ``results['label_map']`` say what the values of the
        file are.
        """
        if results['reduce_zero_label']:
            labels = np.where((labels == 0) | (labels == IGNORED), IGNORED, labels - 1)
            labels = labels.astype(np.uint8)
        if results.get('label_map') is None:
            return labels
        table = np.arange(256, dtype=np.uint8)
        for old, new in results['label_map'].items():
            table[old] = new
        return table[labels]

    def _load_seg_map(self, results: dict) -> None:
        results['gt_seg_map'] = self.to_classes(self.read(results), results)
        results['seg_fields'].append('gt_seg_map')


def check_loaders(transforms: list) -> None:
    """Let each ``LoadAnnotations`` of a pipeline check its file, in place.

    Configs, and mmseg's inferencers which look for the name, keep mmseg's own. A subclass of
    another library, which may read other formats, stays as it is.
    """
    for steps in step_lists(transforms):
        for index, step in enumerate(steps):
            if type(step) is LoadAnnotations:
                steps[index] = loader = LabelMapLoader(
                    None, step.backend_args, step.imdecode_backend
                )
                loader.reduce_zero_label = step.reduce_zero_label  # mmseg warns of the argument
