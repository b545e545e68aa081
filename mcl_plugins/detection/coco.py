"""COCO-format annotations, whose categories must be the config's classes.

This module imports mmdet, so it is only imported when the data set is built.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmcv.transforms import LoadImageFromFile
from mmdet.datasets import CocoDataset as _CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmengine.logging import print_log

from ..datasets.checked_images import CheckedImages
from ..datasets.image_folder import say_count
from ..transforms import all_steps
from ..utils.exif import exif_orientation
from ..utils.images import UnreadableImageError
from ..utils.sampling import spaced_indices
from .annotations import AnnotationFile

SAMPLE = 64  # images that are looked at


class CocoDataset(CheckedImages, _CocoDataset):
    """mmdet's ``CocoDataset``, which checks the annotations.

    mmdet's own class silently drops objects of unknown categories. Here the categories of the
    annotation file must be the classes of the data set, in the same order. What else the file must
    have is said in :class:`~mcl_plugins.detection.annotations.AnnotationFile`.
    """

    def load_data_list(self) -> list[dict]:
        """Read the annotation file.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is not in COCO's format, its categories are not the classes of the
                data set, or it has no images.
        """
        if '://' not in self.ann_file and not Path(self.ann_file).is_file():
            raise FileNotFoundError(
                f'The annotation file {self.ann_file!r} does not exist. COCO is expected in '
                'data/coco, with annotations/, train2017/ and val2017/. For another folder set '
                'data_root of the datasets and ann_file of the evaluators.'
            )
        return super().load_data_list()

    def COCOAPI(self, path: str) -> Any:  # noqa: N802  mmdet's name
        """Read and check the annotations in the file ``path``."""
        loads_masks = any(
            getattr(step, 'with_mask', False) for step in all_steps(self.pipeline.transforms)
        )
        annotations, file = index_annotations(path, loads_masks)
        self.annotations_completed = file.completed
        names = [category['name'] for category in annotations.dataset['categories']]
        check_classes(path, names, list(self.metainfo['classes']))
        if not annotations.dataset['images']:
            raise ValueError(f'{path} lists no images. Set ann_file to another file.')
        for notice in file.notices:
            print_log(notice, 'current', logging.WARNING)
        return annotations

    def check_sample(self) -> None:
        """Compare a sample of the image files with the sizes in the annotation file.

        Raises:
            FileNotFoundError: an image does not exist.
            ValueError: an image has another size than the annotation file says.
        """
        loaders = [t for t in self.pipeline.transforms[:1] if isinstance(t, LoadImageFromFile)]
        for index in spaced_indices(len(self), SAMPLE) if loaders else ():
            record = self.get_data_info(index)
            path = record['img_path']
            if '://' not in path and not Path(path).exists():
                raise FileNotFoundError(
                    f'{path} does not exist, but {self.ann_file} lists it. Set data_root and '
                    'data_prefix.img of the datasets to the folder of the images.'
                )
            try:
                loaded = loaders[0](dict(record)) or {}
            except (UnreadableImageError, OSError, AssertionError):  # the last is mmcv's
                # A broken image is the business of who loads it.
                continue
            if 'ori_shape' in loaded:
                self._check_size(record, loaded['ori_shape'])

    def load_sample(self, idx: int) -> Any:
        """Load a sample and check its size.

        Raises:
            ValueError: the image has another size than the annotation file says.
        """
        sample = super().load_sample(idx)
        packed = sample.get('data_samples') if isinstance(sample, dict) else None
        if packed is not None and 'ori_shape' in packed:
            self._check_size(self.get_data_info(idx), packed.ori_shape)
        return sample

    def _check_size(self, record: dict, shape: Sequence[int]) -> None:
        stated = (record['height'], record['width'])
        if tuple(shape[:2]) == stated:
            return
        turn = exif_orientation(record['img_path'])
        remedy = f'Mend height and width of image {record["img_id"]!r} and its boxes.'
        if turn > 4 and tuple(shape[:2]) == stated[::-1]:
            remedy = (
                f'Its EXIF orientation {turn} turns it when it is loaded. Save the image without '
                "the turn, or set color_type='color_ignore_orientation' of LoadImageFromFile in "
                'all pipelines.'
            )
        raise ValueError(
            f'{record["img_path"]} is {shape[1]} x {shape[0]} px, but {self.ann_file} says '
            f'{stated[1]} x {stated[0]} px: its boxes and masks would be at other places. {remedy}'
        )

    def filter_data(self) -> list[dict]:
        """Remove images without objects and images that are too small, as ``filter_cfg`` says.

        Raises:
            ValueError: no image is left.
        """
        records = super().filter_data()
        if not records:
            raise ValueError(
                f'No image of {self.ann_file} is left to train on: filter_cfg={self.filter_cfg} '
                'removes images without objects and images with a side shorter than min_size. '
                'Change filter_cfg or the annotations.'
            )
        removed = len(self.data_list) - len(records)
        note = f'Left out: {removed} images without objects or too small (filter_cfg).'
        classes = len(self.metainfo['classes'])
        say_count(self.ann_file, len(records), classes, [note] if removed else [])
        return records


def index_annotations(path: str, with_masks: bool) -> tuple[COCO, AnnotationFile]:
    """Read, check and complete an annotation file.

    Args:
        path: the file.
        with_masks: whether each object needs a mask.

    Returns:
        mmdet's index of it, and the file, with notices of what was derived or left out.

    Raises:
        ValueError: see :class:`~mcl_plugins.detection.annotations.AnnotationFile`.
    """
    file = AnnotationFile(path, with_masks)
    index = COCO()
    index.dataset = file.content
    index.createIndex()
    # mmdet's names for the same dicts, which its constructor sets before they are filled.
    index.img_ann_map, index.cat_img_map = index.imgToAnns, index.catToImgs
    return index, file


def check_classes(path: str, found: list[str], wanted: list[str]) -> None:
    """Raise a ValueError unless the categories of a file are the classes of the config.

    Args:
        path: the annotation file, for the message.
        found: names of its categories.
        wanted: names of the classes of the config.

    Example:
        >>> check_classes('train.json', ['cat', 'dog'], ['cat', 'dog'])
    """
    if found == wanted:
        return
    absent = [name for name in wanted if name not in found]
    unknown = [name for name in found if name not in wanted]
    difference = '; '.join(
        f'{what} {", ".join(names[:6])}{" ..." if len(names) > 6 else ""}'
        for what, names in (('it lacks', absent), ('the config lacks', unknown))
        if names
    )
    raise ValueError(
        f'The {len(found)} categories of {path} are not the {len(wanted)} classes of the config: '
        f'{difference or "their order differs"}. Objects of other categories would be dropped '
        'silently: set metainfo=dict(classes=(...)) of the datasets to the categories of the '
        'file, and num_classes of the box and mask heads to their number.'
    )
