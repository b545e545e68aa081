"""What the log says of the iterations since the last look."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from mmengine.runner import Runner

from ..log_processor import recent, waiting_share
from .chart import Facts

_MEANS = ('loss', 'top1', 'chance', 'key_spread')


def read_log(runner: Runner, facts: Facts, steps: int, patience: int) -> dict[str, float]:
    """Return means of the log's values over the last steps, and what follows from them.

    Args:
        runner: of the training.
        facts: what was known before it.
        steps: iterations since the last look.
        patience: iterations of which the duration is summed up.
    """
    found: dict[str, float] = {}
    for key in runner.message_hub.log_scalars:
        name = key.removeprefix('train/')
        if key.startswith('train/') and (name.startswith(_MEANS) or 'loss' in name):
            found[name] = float(recent(runner, key, steps).mean())
    for loss, chance in dict(_chances(found)).items():
        if loss in found and chance > 0:
            level = loss.removeprefix('loss').removeprefix('_contrast')
            found[f'of_chance{level}'] = found[loss] / chance
    norms = recent(runner, 'train/grad_norm', steps)
    if facts.max_norm and len(norms):
        found['clipped'] = float((norms > facts.max_norm).mean())
        found['norm_of_max'] = float(statistics.median(norms)) / facts.max_norm
    waits, times = (recent(runner, f'train/{name}', steps) for name in ('data_time', 'time'))
    if len(times) > 1:
        found['waiting'] = waiting_share(waits, times)
        found['seconds'] = float(recent(runner, 'train/time', patience).sum())
    groups = getattr(getattr(runner.optim_wrapper, 'optimizer', None), 'param_groups', [])
    if groups:
        peak = groups[0].get('initial_lr', groups[0]['lr'])  # without a schedule it is constant
        found['rate_of_peak'] = groups[0]['lr'] / peak if peak else 0.0
    return found


def _chances(values: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the chance floor of each contrastive loss of the log, by the name of the loss."""
    for name, value in values.items():
        if name.startswith('chance'):
            level = name.removeprefix('chance')
            yield (f'loss{level}' if level else 'loss_contrast'), value
