"""What a metric returns, found out on one artificial sample before anything is trained."""

from __future__ import annotations

import copy
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import Any

import torch
from mmengine.evaluator import BaseMetric, DumpResults
from mmengine.logging import MMLogger

SIDE = 32  # pixels of the artificial sample
# Arguments by which metrics write files.
_FILES = ('output_dir', 'outfile_prefix')


def rehearse(metric: BaseMetric) -> dict[str, Any] | None:
    """Compute a copy of a metric on one sample whose prediction is the truth.

    The names of what a metric returns follow from its arguments, the classes and the code of its
    class; only computing it tells them. Rehearsed are the metrics of mmpretrain, mmseg, mmdet and
    this package which take scores of classes, a map of classes, or COCO's boxes and masks. A
    metric of other code may write files or send its values somewhere, so it is not.

    Args:
        metric: with ``dataset_meta``; nothing in it changes and it writes no file.

    Returns:
        The values by their names without the prefix; None if the metric is not rehearsed.

    Example:
        >>> from mmpretrain.evaluation import Accuracy
        >>> rehearse(Accuracy(topk=(1, 5)))
        {'top1': 100.0, 'top5': 100.0}
    """
    if type(metric) is DumpResults:
        return {}
    library = type(metric).__module__.partition('.')[0]
    if library not in ('mmpretrain', 'mmseg', 'mmdet', 'mcl_plugins'):
        return None
    own = copy.copy(metric)
    own.results = []
    for name in _FILES:
        if hasattr(own, name):
            setattr(own, name, None)
    classes = tuple((metric.dataset_meta or {}).get('classes') or ())
    try:
        with _silence():
            if hasattr(own, '_coco_api'):
                sample = _prepare_coco(own, classes)
            elif library == 'mmdet':
                return None
            else:
                sample = _sample(len(classes))
            own.process({}, [sample])
            return dict(own.compute_metrics(own.results))
    except Exception:  # it takes something else than these samples have
        return None


def _sample(classes: int) -> dict[str, Any]:
    """Return what classifiers and segmentors give for an image of the first class."""
    scores = torch.zeros(classes or 1000)  # the scores of ImageNet if there are no names
    scores[0] = 1
    label_map = torch.zeros(1, SIDE, SIDE, dtype=torch.long)
    return {
        'num_classes': len(scores),
        'gt_label': torch.tensor([0]),
        'gt_score': scores.long(),
        'pred_label': torch.tensor([0]),
        'pred_score': scores,
        'gt_sem_seg': {'data': label_map},
        'pred_sem_seg': {'data': label_map},
    }


def _prepare_coco(metric: Any, classes: Sequence[str]) -> dict[str, Any]:
    """Give a ``CocoMetric`` annotations of one object, and return a detector's output for it."""
    box = [4.0, 4.0, 16.0, 16.0]
    corners = [4.0, 4.0, 20.0, 4.0, 20.0, 20.0, 4.0, 20.0]
    truth = dict(id=1, image_id=1, category_id=1, bbox=box, area=256.0, iscrowd=0)
    metric._coco_api = import_module('mmdet.datasets.api_wrappers').COCO()
    metric._coco_api.dataset = {
        'images': [dict(id=1, height=SIDE, width=SIDE)],
        'categories': [dict(id=number, name=name) for number, name in enumerate(classes, start=1)],
        'annotations': [dict(**truth, segmentation=[corners])],
    }
    metric._coco_api.createIndex()
    metric.cat_ids = metric.img_ids = None
    metric.use_mp_eval = False  # it would start processes
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    mask[:, 4:20, 4:20] = True
    found = dict(
        bboxes=torch.tensor([[4.0, 4.0, 20.0, 20.0]]),
        labels=torch.tensor([0]),
        scores=torch.ones(1),
        masks=mask,
    )
    return dict(img_id=1, ori_shape=(SIDE, SIDE), pred_instances=found)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the table of the artificial sample out of the log and the console."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
