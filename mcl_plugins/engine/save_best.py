"""Look before the first iteration for the metrics that a training is to watch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner

from .rehearsal import rehearse

_SHOWN = 20  # names in a message


def watched(runner: Runner) -> Iterator[tuple[str, str]]:
    """Yield what watches a metric, as the config says it, and the name of the metric.

    These are the hooks for the best checkpoint and for stopping early, and schedules that wait for
    a plateau. ``save_best='auto'`` names none.
    """
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            for name in getattr(hook, 'key_indicators', None) or ():
                if name != 'auto':
                    yield f'default_hooks.checkpoint.save_best={name!r}', name
        elif isinstance(hook, EarlyStoppingHook):
            yield f'EarlyStoppingHook.monitor={hook.monitor!r}', hook.monitor
    schedulers = getattr(runner, 'param_schedulers', None) or []
    groups = schedulers.values() if isinstance(schedulers, dict) else [schedulers]
    for scheduler in (one for group in groups for one in group):
        name = getattr(scheduler, 'monitor', None)
        if isinstance(name, str):
            yield f'param_scheduler: {type(scheduler).__name__}.monitor={name!r}', name


def check_watched(runner: Runner) -> None:
    """Raise a ValueError if no metric of the validation has a name that the training watches.

    MMEngine finds out after the first validation. A warning says if nothing is validated.
    """
    settings = dict(watched(runner))
    if not settings:
        return
    if runner.val_loop is None:
        runner.logger.warning(f'Nothing is validated, so {", ".join(settings)} has no effect.')
        return
    evaluator = runner.val_evaluator
    # That of several data sets puts the name of each before those of its metrics.
    if getattr(type(evaluator), 'evaluate', None) is Evaluator.evaluate:
        check_names(settings, evaluator.metrics)


def check_names(settings: dict[str, str], metrics: Sequence[BaseMetric]) -> None:
    """Raise a ValueError if metrics have no number of a name.

    A metric that cannot be rehearsed may have any name with its prefix; without a prefix, any name
    that does not begin with the prefix of another one.

    Args:
        settings: the names by what the config says, which begins the message.
        metrics: those of the validation.

    Example:
        >>> from mmpretrain.evaluation import Accuracy
        >>> check_names({'save_best': 'accuracy/top1'}, [Accuracy(topk=(1, 5))])
    """
    values = [(metric, rehearse(metric)) for metric in metrics]
    known = [
        f'{metric.prefix}/{name}' if metric.prefix else str(name)
        for metric, found in values
        if found is not None
        for name, value in found.items()
        if _is_number(value)
    ]
    unknown = [metric for metric, found in values if found is None]
    prefixes = [f'{metric.prefix}/' for metric in metrics if metric.prefix]
    open_ = [f'{metric.prefix}/' if metric.prefix else '' for metric in unknown]
    for setting, name in settings.items():
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), '')
        if name in known or prefix in open_:
            continue
        more = len(known) - _SHOWN
        have = [*known[:_SHOWN], *([f'and {more} more'] if more > 0 else [])]
        have += [
            f'{f"{metric.prefix}/..." if metric.prefix else "names without a prefix"} '
            f'({type(metric).__name__})'
            for metric in unknown
        ]
        raise ValueError(
            f'{setting}: no metric of val_evaluator has a number of this name. '
            + (f'They have: {", ".join(have)}.' if have else 'They have none.')
        )


def _is_number(value: Any) -> bool:
    """Whether a value can be compared with the best one so far."""
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, int | float | np.number)
