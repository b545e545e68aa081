"""Look before the first iteration for the metric that ``save_best`` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric


def check_save_best(wanted: Sequence[str], metrics: Sequence[BaseMetric]) -> None:
    """Raise a ValueError if metrics do not have one of the names.

    Nothing is checked beside a metric whose names are not known before it is computed.

    Example:
        >>> from mmpretrain.evaluation import Accuracy
        >>> check_save_best(['accuracy/top1'], [Accuracy(topk=(1, 5))])
    """
    names: list[str] = []
    for metric in metrics:
        known = metric_names(metric)
        if known is None:
            return
        names += [f'{metric.prefix}/{name}' if metric.prefix else name for name in known]
    for name in wanted:
        if name not in names:
            raise ValueError(
                f'default_hooks.checkpoint.save_best={name!r}: no metric of val_evaluator has this '
                f'name. They have: {", ".join(names)}.'
            )


def metric_names(metric: Any) -> list[str] | None:
    """Return the names of a metric's values without its prefix; None if they are not known.

    They are known of the metrics of this package's configs: mmpretrain's ``Accuracy``, mmseg's
    ``IoUMetric`` and mmdet's ``CocoMetric``.
    """
    kind = type(metric).__name__
    if kind == 'Accuracy':
        ends = (
            ['']
            if len(metric.thrs) == 1
            else ['_no-thr' if thr is None else f'_thr-{thr:.2f}' for thr in metric.thrs]
        )
        return [f'top{k}{end}' for k in metric.topk for end in ends]
    if kind == 'IoUMetric':
        wanted = [metric.metrics] if isinstance(metric.metrics, str) else metric.metrics
        rows = {
            'mIoU': ['mIoU', 'mAcc'],
            'mDice': ['mDice', 'mAcc'],
            'mFscore': ['mFscore', 'mPrecision', 'mRecall'],
        }
        return list(dict.fromkeys(['aAcc', *(name for row in wanted for name in rows[row])]))
    if kind == 'CocoMetric' and not metric.classwise and metric.metric_items is None:
        ends = ['', '_50', '_75', '_s', '_m', '_l']
        if set(metric.metrics) <= {'bbox', 'segm'}:
            return [f'{row}_mAP{end}' for row in metric.metrics for end in ends]
    return None
