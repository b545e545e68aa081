"""Segmentation data whose folders and labels are checked.

This module imports mmseg, so it is itself imported only when one of the datasets is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg.datasets import ADE20KDataset as _ADE20KDataset
from mmseg.datasets import BaseSegDataset

from ..datasets.image_folder import check_folder
from ..transforms import LoadImageFromFile
from ..utils.images import unreadable_image_error


class SegmentationDataset(BaseSegDataset):
    """mmseg's dataset of images and label maps in folders, with errors that name the cause.

    In mmseg's own, a label that belongs to no class leads to an index error of the loss, or on a
    GPU to a failed assertion of a kernel, and an empty folder to an endless search for an image.
    """

    def load_data_list(self) -> list[dict]:
        """List the images.

        Raises:
            FileNotFoundError: a folder does not exist.
            ValueError: a folder is empty, or has no image with the dataset's suffix, or
                ``reduce_zero_label`` of the pipeline differs from the dataset's.
        """
        check_zero_label(self.reduce_zero_label, self.pipeline.transforms)
        for folder in filter(None, self.data_prefix.values()):
            check_folder(folder, self.data_root)
        records = super().load_data_list()
        if not records:
            raise ValueError(
                f'{self.data_prefix["img_path"]} has no *{self.img_suffix}; set img_suffix (and '
                'seg_map_suffix) of the datasets to what the images end with.'
            )
        return records

    def prepare_data(self, idx: int) -> Any:
        """Load a sample and check its labels.

        Raises:
            ValueError: the image or the label map cannot be read, or the label map has labels that
                belong to no class.
        """
        try:
            sample = super().prepare_data(idx)
        except Exception as error:
            self._check_files(idx, error)
            raise
        if sample is not None:
            self._check_labels(sample['data_samples'])
        return sample

    def _check_files(self, idx: int, error: Exception) -> None:
        """Raise a ValueError that names the file, if ``error`` came from one that is damaged.

        The pipelines are mmseg's and load images with mmcv's transform, by whose name mmseg's
        inferencer finds it; neither OpenCV's errors nor Pillow's name the file.
        """
        if isinstance(error, OSError) and error.errno is not None:
            return  # of the system: it has the path
        record = self.get_data_info(idx)
        LoadImageFromFile()({'img_path': record['img_path']})
        if isinstance(error, OSError | SyntaxError):  # Pillow's: the image is whole, the map is not
            raise unreadable_image_error(record['seg_map_path'], error) from error

    def _check_labels(self, samples: Any) -> None:
        # Copies for test-time augmentation all have the same labels.
        sample = samples[0] if isinstance(samples, Sequence) else samples
        if 'gt_sem_seg' not in sample:
            return
        labels = sample.gt_sem_seg.data
        classes = len(self.metainfo['classes'])
        unknown = labels[(labels >= classes) & (labels != self.ignore_index)]
        if unknown.numel() == 0:
            return
        shift = ' (0 of the file is "unlabelled", so k of the file is k - 1 here)'
        raise ValueError(
            f'{sample.seg_map_path} has the label {int(unknown.max())}, but the data set has '
            f'{classes} classes, 0 to {classes - 1}, and {self.ignore_index} for pixels to ignore'
            f'{shift if self.reduce_zero_label else ""}. Set metainfo=dict(classes=(...)) of '
            'the datasets to the classes of the label maps, and num_classes of the heads to their '
            'number.'
        )


def check_zero_label(reduced: bool, transforms: Sequence) -> None:
    """Raise a ValueError unless each LoadAnnotations has its dataset's ``reduce_zero_label``.

    Args:
        reduced: the dataset's. If it is True, the label 0 of the files is ignored and the label k
            is class k - 1.
        transforms: of the dataset's pipeline, including the branches for test-time augmentation.
    """
    for transform in transforms:
        for branch in getattr(transform, 'subroutines', ()):
            check_zero_label(reduced, branch.transforms)
        # None, the default, follows the dataset.
        if getattr(transform, 'reduce_zero_label', None) in (None, reduced):
            continue
        raise ValueError(
            f'reduce_zero_label={reduced} of the data set, but {not reduced} of LoadAnnotations in '
            'its pipeline. For label maps that count classes from 1, where 0 is ignored, set '
            'train_dataloader.dataset.reduce_zero_label=True; for those that count from '
            '0 set it to False, and train_dataloader.dataset.pipeline.1.reduce_zero_label too (or '
            'wherever LoadAnnotations stands). The same for val_ and test_dataloader.'
        )


class ADE20KDataset(SegmentationDataset, _ADE20KDataset):
    """mmseg's ``ADE20KDataset``, checked."""
