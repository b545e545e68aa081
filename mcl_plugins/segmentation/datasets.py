"""Segmentation data sets that check their folders and labels.

This module imports mmseg, so it is only imported when one of the data sets is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmseg.datasets import ADE20KDataset as _ADE20KDataset
from mmseg.datasets import BaseSegDataset

from ..datasets.checked_images import CheckedImages
from ..datasets.image_folder import check_folder, say_count
from ..datasets.listing import list_images
from ..transforms import all_steps
from ..utils.images import unreadable_image_error
from .label_maps import check_loaders
from .label_values import IGNORED
from .survey import Survey


class SegmentationDataset(CheckedImages, BaseSegDataset):
    """mmseg's data set of images and label maps in folders, with errors that name the cause.

    In mmseg's own class, a label without a class causes an index error in the loss, or on a GPU a
    failed assertion in a kernel. Labels of more than 8 bits become other labels. An empty folder
    causes an endless search for an image.

    Each label map is checked as it is in its file when it is loaded, and a sample of them before
    the training, by :class:`~mcl_plugins.engine.hooks.SampleCheckHook`.
    """

    def full_init(self) -> None:
        """List the images; label maps are loaded with the checks of ``LabelMapLoader``."""
        check_loaders(self.pipeline.transforms)
        super().full_init()

    def check_sample(self) -> None:
        """Look at a sample of the label maps.

        Raises:
            FileNotFoundError: a label map does not exist.
            ValueError: see :class:`~mcl_plugins.segmentation.survey.Survey`.
        """
        Survey(self).run()

    def load_data_list(self) -> list[dict]:
        """List the images.

        Raises:
            FileNotFoundError: a folder does not exist.
            ValueError: a folder is empty or has no image with the data set's suffix, there are no
                classes or too many for 8 bits, or ``reduce_zero_label`` of the pipeline differs
                from that of the data set.
        """
        self._check_classes()
        check_zero_label(self.reduce_zero_label, self.pipeline.transforms)
        for folder in filter(None, self.data_prefix.values()):
            check_folder(folder, self.data_root)
        records = super().load_data_list()
        if not records:
            raise ValueError(
                f'{self.data_prefix["img_path"]} has no *{self.img_suffix}: set img_suffix (and '
                'seg_map_suffix) of the datasets to the suffix of the files.'
            )
        notes = [] if self.ann_file else [self._describe_left_out()]
        say_count(self.data_prefix['img_path'], len(records), len(self.metainfo['classes']), notes)
        return records

    def _describe_left_out(self) -> str:
        """Describe the files in the folder of the images that have another suffix."""
        listing = list_images(self.data_prefix['img_path'], [self.img_suffix.lower()])
        for name in listing.images:
            if not name.endswith(self.img_suffix):  # mmseg distinguishes upper and lower case
                listing.leave_out(name, f'not {self.img_suffix}')
        return listing.describe_left_out()

    def load_sample(self, idx: int) -> Any:
        """Load a sample and check its labels.

        Raises:
            ValueError: the image or the label map cannot be read, or the label map has a label
                without a class.
        """
        try:
            sample = super().load_sample(idx)
        except (OSError, SyntaxError) as error:  # of the label map: those of images are named
            path = self.get_data_info(idx)['seg_map_path']
            raise self.unreadable_label_map(path, error) from error
        if sample is not None:
            self._check_labels(sample)
        return sample

    def _check_classes(self) -> None:
        classes = self.metainfo.get('classes') or ()
        if 0 < len(classes) <= IGNORED:
            return
        if classes:
            reason = f'{len(classes)} classes, but mmseg reads labels of 8 bits: {IGNORED} at most'
        else:
            reason = 'no classes: set metainfo=dict(classes=(...)) of the datasets to their names'
        raise ValueError(f'The data set of {self.data_prefix.get("img_path")} has {reason}.')

    def _check_labels(self, sample: dict) -> None:
        if 'data_samples' not in sample:  # packed later, by a wrapper that mixes images
            if 'gt_seg_map' in sample:
                self.check_labels(sample['gt_seg_map'], sample['seg_map_path'])
            return
        samples = sample['data_samples']
        # All copies for test-time augmentation have the same labels.
        packed = samples[0] if isinstance(samples, Sequence) else samples
        if 'gt_sem_seg' in packed:
            self.check_labels(packed.gt_sem_seg.data, packed.seg_map_path)

    def check_labels(self, labels: Any, path: str) -> None:
        """Raise a ValueError if a label has no class and is not ignored.

        Args:
            labels: an array or tensor, numbered from 0.
            path: the label map, for the message.
        """
        classes = len(self.metainfo['classes'])
        unknown = labels[(labels >= classes) & (labels != self.ignore_index)]
        if len(unknown) == 0:
            return
        shift = ' (0 in the file means unlabelled, so label k in the file is class k - 1)'
        lossy = path.lower().endswith(('.jpg', '.jpeg'))
        jpeg = ' JPEG changes the values: label maps are PNG files.' if lossy else ''
        raise ValueError(
            f'{path} has the label {int(unknown.max())}, but the data set has '
            f'{classes} classes, 0 to {classes - 1}, and {self.ignore_index} for pixels to ignore'
            f'{shift if self.reduce_zero_label else ""}.{jpeg} Set metainfo=dict(classes=(...)) of '
            'the datasets to the classes of the label maps, and num_classes of the heads to their '
            'number.'
        )

    @staticmethod
    def unreadable_label_map(path: str, error: Exception) -> Exception:
        """Return the error to raise for a label map that cannot be read."""
        if isinstance(error, OSError) and error.errno is not None:
            return error  # a system error, which contains the path
        return unreadable_image_error(path, error)


def check_zero_label(reduced: bool, transforms: Sequence) -> None:
    """Raise a ValueError unless each LoadAnnotations has its dataset's ``reduce_zero_label``.

    Args:
        reduced: ``reduce_zero_label`` of the data set. If it is True, label 0 in the files is
            ignored and label k is class k - 1.
        transforms: the data set's pipeline, including the branches for test-time augmentation.

    Example:
        >>> from mmseg.datasets.transforms import LoadAnnotations
        >>> check_zero_label(True, [LoadAnnotations()])  # None follows the data set
    """
    for step in all_steps(transforms):
        # None, the default, follows the data set.
        if getattr(step, 'reduce_zero_label', None) in (None, reduced):
            continue
        raise ValueError(
            f'reduce_zero_label={reduced} of the data set, but {not reduced} of LoadAnnotations in '
            'its pipeline: set both to the same value, '
            'train_dataloader.dataset.reduce_zero_label and '
            'train_dataloader.dataset.pipeline.1.reduce_zero_label (1 is the index of '
            'LoadAnnotations). Use True for label maps that number classes from 1 and ignore 0, '
            'False for those that number classes from 0. Do the same for val_dataloader and '
            'test_dataloader.'
        )


class ADE20KDataset(SegmentationDataset, _ADE20KDataset):
    """mmseg's ``ADE20KDataset`` with the checks of :class:`SegmentationDataset`."""
