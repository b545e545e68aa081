"""A look at label maps before the training: files, sizes, and classes without a pixel.

This module imports mmseg, so it is only imported when one of the data sets is built.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from ..transforms import all_steps
from ..utils.exif import exif_orientation
from ..utils.images import UnreadableImageError
from ..utils.sampling import spaced_indices
from .label_maps import LabelMapLoader
from .label_values import IGNORED

SAMPLE = 64  # label maps that are looked at


class Survey:
    """Look at a sample of a data set's label maps.

    Args:
        dataset: its pipeline loads label maps with :class:`LabelMapLoader`; otherwise nothing is
            looked at.
    """

    def __init__(self, dataset: BaseSegDataset) -> None:
        self.dataset = dataset
        self.looked: set[int] = set()
        self.values = np.zeros(256, bool)  # the values in the files
        self.labels = np.zeros(256, bool)  # the numbers of the classes
        self.turned: list[str] = []  # images whose turn cannot be told from the size of the map
        steps = dataset.pipeline.transforms
        self.loader = _first(steps, LabelMapLoader)
        self.image_loader = _first(steps[:1], LoadImageFromFile)

    def run(self) -> None:
        """Look at the sample, and at more if it leaves a doubt.

        Raises:
            FileNotFoundError: a label map does not exist.
            ValueError: a label map is not one, does not fit its image or the classes; or the data
                set trains, and its maps have pixels of a single class besides those ignored.
        """
        if self.loader is None or len(self.dataset) == 0:
            return
        self._check_existence()
        total = len(self.dataset)
        for index in spaced_indices(total, SAMPLE):
            self._look_at(index, with_image=True)
        self._warn_of_turns()
        # What a few maps lack may be in the others: only what none of them has is refused.
        for index in range(total):
            if self.doubt() is None:
                break
            if index not in self.looked:
                self._look_at(index, with_image=False)
        doubt = self.doubt()
        classes = self._classes
        missing = self.missing_classes()
        absent = ''
        if missing and len(self.looked) < total:
            absent = f'; none of these has the {_listed("class", missing)}'
        print_log(
            f'Looked at {len(self.looked)} of {total} label maps of {self._where()}: '
            f'{len(classes) - len(missing)} of {len(classes)} classes have pixels in them{absent}.',
            'current',
        )
        if doubt is not None and not self.dataset.test_mode:
            raise ValueError(doubt)
        if doubt is not None:
            print_log(doubt, 'current', logging.WARNING)
        elif missing and len(self.looked) == total:
            print_log(
                f'No pixel of {self._where()} has the {_listed("class", missing)}: it can neither '
                'be learnt nor measured there. Are the values of the files '
                f'({_numbers(self.values)}) the numbers of the classes?',
                'current',
                logging.WARNING,
            )

    def missing_classes(self) -> list[str]:
        """Return the names of the classes that no label map so far has."""
        return [name for index, name in enumerate(self._classes) if not self.labels[index]]

    def doubt(self) -> str | None:
        """Return a message if the values so far are not the numbers of the classes.

        Maps of 0 and 255 have one class, because 255 is ignored. With ``reduce_zero_label`` 0 is
        ignored, which leaves maps of 0 and 1, or of 0 to the last class, a class short.
        """
        missing = self.missing_classes()
        if len(self._classes) < 2 or not missing or not self.labels[IGNORED]:
            return None
        reduced = self.dataset.reduce_zero_label
        present = len(self._classes) - len(missing)
        last_only = reduced and self.values[0] and missing == [self._classes[-1]]
        if present > 1 and not last_only:
            return None
        ignored = 'reduce_zero_label=True ignores 0' if reduced else f'{IGNORED} is ignored'
        remedy = f'Number the classes from 0; {IGNORED} is for pixels to ignore.'
        if reduced:
            remedy = 'If 0 is unlabelled, leave out of the classes what has no pixel.'
            if not self.values[len(self._classes) : IGNORED].any():  # they would be classes, too
                remedy = (
                    'If 0 is a class, set reduce_zero_label=False of the datasets and of '
                    f'LoadAnnotations in their pipelines. {remedy}'
                )
        return (
            f'The label maps of {self._where()} have the values {_numbers(self.values)}, and '
            f'{ignored}, so the {_listed("class", missing)} has no pixel. {remedy}'
        )

    @property
    def _classes(self) -> tuple[str, ...]:
        return tuple(self.dataset.metainfo['classes'])

    def _where(self) -> str:
        return str(self.dataset.data_prefix.get('seg_map_path') or self.dataset.data_root)

    def _check_existence(self) -> None:
        records = (self.dataset.get_data_info(index) for index in range(len(self.dataset)))
        pairs = [(record['img_path'], record.get('seg_map_path')) for record in records]
        absent = [pair for pair in pairs if pair[1] and _is_missing(pair[1])]
        if absent:
            raise FileNotFoundError(
                f'{len(absent)} of {len(pairs)} images have no label map, the first is '
                f'{absent[0][0]}: {absent[0][1]} does not exist. Set data_prefix.seg_map_path and '
                'seg_map_suffix of the datasets to the folder and the suffix of the label maps, or '
                'list the images to use in ann_file.'
            )

    def _look_at(self, index: int, with_image: bool) -> None:
        results = self.dataset.get_data_info(index)
        if not results.get('seg_map_path'):
            return
        if with_image and self.image_loader is not None:
            try:
                results = self.image_loader(results) or results
            except (UnreadableImageError, OSError, AssertionError):  # the last is mmcv's
                # A broken image is the business of who loads it.
                with_image = False
        try:
            values = self.loader.read(results)
        except (OSError, SyntaxError) as error:
            raise self.dataset.unreadable_label_map(results['seg_map_path'], error) from error
        labels = self.loader.to_classes(values, results)
        self.dataset.check_labels(labels, results['seg_map_path'])
        self.values |= np.bincount(values.ravel(), minlength=256) > 0
        self.labels |= np.bincount(labels.ravel(), minlength=256) > 0
        self.looked.add(index)
        if with_image and self._is_turned_in_place(results):
            self.turned.append(results['img_path'])

    def _is_turned_in_place(self, results: dict) -> bool:
        """Whether an image is turned when it is loaded, and has the same size afterwards."""
        loader = self.image_loader
        obeyed = loader is not None and getattr(loader, 'color_type', '') in ('color', 'grayscale')
        if not obeyed or loader.imdecode_backend not in ('cv2', 'pillow'):
            return False
        turn = exif_orientation(results['img_path'])
        height, width = results['ori_shape'][:2]
        return turn in (2, 3, 4) or (turn > 4 and height == width)

    def _warn_of_turns(self) -> None:
        if self.turned:
            print_log(
                f'{len(self.turned)} of the {len(self.looked)} images looked at are turned when '
                f'they are loaded, as their EXIF orientation says, the first is {self.turned[0]}. '
                'Their size does not show whether the label maps are turned too. If not, save the '
                "images without the turn or set color_type='color_ignore_orientation' of "
                'LoadImageFromFile in all pipelines.',
                'current',
                logging.WARNING,
            )


def _first(steps: list, kind: type) -> Any:
    return next((step for step in all_steps(steps) if isinstance(step, kind)), None)


def _is_missing(path: str) -> bool:
    return '://' not in path and not Path(path).exists()


def _numbers(present: np.ndarray) -> str:
    values: Iterable[Any] = np.flatnonzero(present).tolist()
    texts = [str(value) for value in values]
    return ', '.join(texts if len(texts) <= 12 else [*texts[:6], '...', *texts[-3:]])


def _listed(noun: str, names: list[str]) -> str:
    shown = ', '.join(repr(name) for name in names[:6])
    return f'{noun} {shown}{f" (and {len(names) - 6} more)" if len(names) > 6 else ""}'
