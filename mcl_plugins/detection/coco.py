"""COCO-format annotations, whose categories must be the config's classes.

This module imports mmdet, so it is only imported when the data set is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdet.datasets import CocoDataset as _CocoDataset

from ..datasets.image_folder import say_count


class CocoDataset(_CocoDataset):
    """mmdet's ``CocoDataset``, which checks the annotations.

    mmdet's own class silently drops objects of unknown categories. Here the categories of the
    annotation file must be the classes of the data set, in the same order.
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
        try:
            annotations = _CocoDataset.COCOAPI(path)
            names = [category['name'] for category in annotations.dataset['categories']]
            images = annotations.dataset['images']
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise ValueError(
                f'{path} is not a COCO file of images, annotations and categories, or is '
                f'incomplete ({type(error).__name__}: {error}). Write or unpack it again.'
            ) from error
        check_classes(path, names, list(self.metainfo['classes']))
        if not images:
            raise ValueError(f'{path} lists no images. Set ann_file to another file.')
        return annotations

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
