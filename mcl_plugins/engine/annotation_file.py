"""A check that evaluators measure against the annotations of the data set."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import Any


def check_annotation_file(dataset: Any, evaluator: Any, stage: str) -> None:
    """Raise a ValueError if an evaluator reads another annotation file than its data set.

    The predictions for the images of one file would be compared with the objects of the other.

    Args:
        dataset: its annotation file is ``dataset.ann_file``; a wrapper's is that of its
            ``dataset``. Data sets without one, and joined ones, are not compared.
        evaluator: the config of a metric, or several; ``ann_file`` in it is compared.
        stage: ``'val'`` or ``'test'``, for the message.

    Example:
        >>> from types import SimpleNamespace
        >>> check_annotation_file(SimpleNamespace(ann_file='a.json'), dict(type='Accuracy'), 'val')
    """
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    file = getattr(dataset, 'ann_file', '')
    metrics = evaluator if isinstance(evaluator, list | tuple) else [evaluator]
    for metric in metrics:
        if not isinstance(metric, dict) or not file or not metric.get('ann_file'):
            continue
        if not _is_same(file, metric['ann_file']):
            raise ValueError(
                f'{stage}_evaluator.ann_file is {metric["ann_file"]}, but the data set of '
                f'{stage}_dataloader reads {file}. Set both to the same file.'
            )
        completed = getattr(dataset, 'annotations_completed', False)
        if completed and metric.get('type') in ('CocoMetric', 'mmdet.CocoMetric'):
            raise ValueError(
                f"{file} was completed when it was read, which mmdet's CocoMetric does not do. "
                f'Set {stage}_evaluator.type=mcl_plugins.CocoMetric.'
            )


def _is_same(first: str, second: str) -> bool:
    """Whether two paths are of one file, or of files with one content."""
    if first == second:
        return True
    if '://' in f'{first}{second}':
        return first.rsplit('://', maxsplit=1)[-1] == second.rsplit('://', maxsplit=1)[-1]
    paths = Path(first), Path(second)
    if not all(path.is_file() for path in paths):
        return paths[0].absolute() == paths[1].absolute()
    return paths[0].samefile(paths[1]) or filecmp.cmp(*paths, shallow=False)
