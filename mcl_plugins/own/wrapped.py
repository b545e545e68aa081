"""Configs of data sets within wrappers such as MMEngine's RepeatDataset and ConcatDataset."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .bands import kind

# Wrappers that repeat or mix images, which is of no use where each image counts once.
OF_TRAINING = ('RepeatDataset', 'ClassBalancedDataset', 'MultiImageMixDataset')


def unwrapped(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the configs of the data sets within wrappers, or the config itself.

    Example:
        >>> parts = [dict(type='RepeatDataset', times=2, dataset=dict(type='A')), dict(type='B')]
        >>> [part['type'] for part in unwrapped(dict(type='ConcatDataset', datasets=parts))]
        ['A', 'B']
    """
    if 'dataset' in dataset:
        yield from unwrapped(dataset['dataset'])
    elif 'datasets' in dataset:
        for part in dataset['datasets']:
            yield from unwrapped(part)
    else:
        yield dataset


def pipeline_of(dataset: Mapping[str, Any]) -> Sequence[dict]:
    """Return the steps of a data set; of several within wrappers those of the first that has any.

    Example:
        >>> inner = dict(type='A', pipeline=[dict(type='LoadImageFromFile')])
        >>> pipeline_of(dict(type='RepeatDataset', times=2, dataset=inner))
        [{'type': 'LoadImageFromFile'}]
    """
    return next((part['pipeline'] for part in unwrapped(dataset) if part.get('pipeline')), ())


def each_once(dataset: Mapping[str, Any], pipeline: Sequence[dict]) -> Any:
    """Return the config of a data set that has each image once, with other steps.

    Wrappers that repeat or mix images are left out. The others, which join data sets or choose
    among the images, stay.

    Args:
        dataset: it is not changed.
        pipeline: steps of each data set.

    Example:
        >>> inner = dict(type='RepeatDataset', times=2, dataset=dict(type='A'))
        >>> each_once(dict(type='ConcatDataset', datasets=[inner, dict(type='B')]), [])
        {'type': 'ConcatDataset', 'datasets': [{'type': 'A', 'pipeline': []}, \
{'type': 'B', 'pipeline': []}]}
    """
    if kind(dataset) in OF_TRAINING:
        return each_once(dataset['dataset'], pipeline)
    changed: Any = copy.deepcopy(dataset)
    if 'dataset' in dataset:
        changed['dataset'] = each_once(dataset['dataset'], pipeline)
    elif 'datasets' in dataset:
        changed['datasets'] = [each_once(part, pipeline) for part in dataset['datasets']]
    else:
        changed['pipeline'] = copy.deepcopy(pipeline)
    return changed
