"""Warm-ups and trainings that are shorter than they."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config


def scale_schedule(config: Config) -> None:
    """Stretch a schedule that is stated for another number of epochs, in place.

    ``auto_scale_schedule=dict(base_epochs=800)`` says for how many epochs the places of
    ``param_scheduler`` are meant. With another ``train_cfg.max_epochs`` each ``begin`` and ``end``
    of whole epochs keeps its share of the training, and is at least one epoch.

    Example:
        >>> schedule = [dict(type='LinearLR', end=40), dict(type='CosineAnnealingLR', begin=40)]
        >>> config = Config(dict(
        ...     train_cfg=dict(max_epochs=100),
        ...     param_scheduler=schedule,
        ...     auto_scale_schedule=dict(base_epochs=800)))
        >>> scale_schedule(config)
        >>> config.param_scheduler[0].end, config.param_scheduler[1].begin
        (5, 5)
    """
    base = config.auto_scale_schedule.base_epochs
    epochs = config.train_cfg.max_epochs
    for scheduler in config.param_scheduler:
        for key in ('begin', 'end'):
            if scheduler.get('by_epoch', True) and scheduler.get(key):
                scheduler[key] = max(1, round(scheduler[key] * epochs / base))


def describe_short_training(
    schedulers: Any, max_epochs: int | None, max_iters: int | None
) -> str | None:
    """Say that a training ends before its warm-up; None if it does not.

    Args:
        schedulers: ``param_scheduler`` of the config.
        max_epochs: length of the training; None if it is in iterations.
        max_iters: length in iterations; None if it is in epochs.

    Returns:
        What is wrong and what to set. A warm-up is a schedule at whose end another one begins.
    """
    if not isinstance(schedulers, Sequence) or not all(isinstance(s, dict) for s in schedulers):
        return None
    for index, scheduler in enumerate(schedulers):
        by_epoch = scheduler.get('by_epoch', True)
        length = max_epochs if by_epoch else max_iters
        begin = scheduler.get('begin') or 0
        if length is None or not 0 < begin >= length:
            continue
        before = [i for i, other in enumerate(schedulers) if other.get('end') == begin]
        if before:
            unit, key = ('epochs', 'max_epochs') if by_epoch else ('iterations', 'max_iters')
            return (
                f'train_cfg.{key}={length} is not longer than the warm-up, the {begin} {unit} of '
                f'param_scheduler.{before[0]}, so that param_scheduler.{index} never '
                f'begins. Train longer, or shorten the warm-up: --cfg-options '
                f'param_scheduler.{before[0]}.end={max(1, length // 10)} '
                f'param_scheduler.{index}.begin={max(1, length // 10)}'
            )
    return None
