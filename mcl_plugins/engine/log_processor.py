"""The line of the training log, which says when the training waits for its data."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.runner import LogProcessor as _LogProcessor
from mmengine.runner import Runner

from ..registry import LOG_PROCESSORS

NOTABLE = 0.1  # share of the time


@LOG_PROCESSORS.register_module()
class LogProcessor(_LogProcessor):
    """MMEngine's log processor, whose lines of training say ``data-bound 37 %``.

    This is the share of the time in which the process waited for the next batch, if it is a tenth
    or more, over the iterations that the other values of the line are averaged over. ``mcl bench
    data CONFIG`` says why. The package's Runner uses this processor unless the config names
    another. Arguments are MMEngine's.
    """

    def get_log_after_iter(self, runner: Runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Format the values of the log, as MMEngine does, and add the share."""
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        if mode != 'train':
            return tag, line
        window = min(self.window_size, runner.iter + 1)
        share = waiting_share(
            *(recent(runner, f'train/{n}', window) for n in ('data_time', 'time'))
        )
        note = f'  data-bound {100 * share:.0f} %' if share >= NOTABLE else ''
        return tag, line + note


def recent(runner: Runner, name: str, count: int) -> np.ndarray:
    """Return the last values of a scalar of the log; none if it is not recorded."""
    scalars: dict[str, Any] = runner.message_hub.log_scalars
    return scalars[name].data[0][-count:] if name in scalars else np.zeros(0)


def waiting_share(waits: np.ndarray, times: np.ndarray) -> float:
    """Return the share of the time of iterations that was spent in waiting.

    The iteration with the longest wait is left out: the workers may have started in it, or a
    checkpoint was written before it.

    Example:
        >>> waiting_share(np.array([9.0, 1.0, 1.0]), np.array([10.0, 4.0, 4.0]))
        0.25
    """
    if len(waits) < 2 or len(waits) != len(times):
        return 0.0
    longest = waits.argmax()
    total = times.sum() - times[longest]
    return float((waits.sum() - waits[longest]) / total) if total > 0 else 0.0
