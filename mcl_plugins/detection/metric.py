"""COCO's metrics on an annotation file that is completed as the data set completes it.

This module imports mmdet, so it is only imported when the metric is built.
"""

from __future__ import annotations

from typing import Any

from mmdet.evaluation import CocoMetric as _CocoMetric
from mmengine.fileio import get_local_path

from .coco import index_annotations


class CocoMetric(_CocoMetric):
    """mmdet's ``CocoMetric``, which reads its file as :class:`~.coco.CocoDataset` does.

    pycocotools fails on objects without ``area`` or ``iscrowd``, and never matches one whose id is
    0. The arguments are mmdet's.

    Args:
        ann_file: the annotation file, which must be that of the data set.
        **settings: those of mmdet's class.

    Raises:
        ValueError: see :class:`~.annotations.AnnotationFile`.
    """

    def __init__(self, ann_file: str | None = None, **settings: Any) -> None:
        super().__init__(ann_file=None, **settings)
        if ann_file is not None:
            with get_local_path(ann_file, backend_args=self.backend_args) as path:
                self._coco_api, _ = index_annotations(path, with_masks='segm' in self.metrics)
            if settings.get('sort_categories'):
                categories = self._coco_api.dataset['categories']
                categories.sort(key=lambda category: category['id'])
                self._coco_api.cats = {category['id']: category for category in categories}
