"""The iterations after which the log gets a line, for hooks that look at a step only then."""

from __future__ import annotations

from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner


def logging_interval(runner: Runner) -> int:
    """Return the iterations between two lines of the log."""
    loggers = (hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook))
    return next(loggers, 50)


def is_log_step(hook: Hook, runner: Runner, batch_idx: int, interval: int) -> bool:
    """Whether the log gets a line after an iteration, as it also does after a short epoch.

    Args:
        hook: any hook.
        runner: the Runner.
        batch_idx: number of the batch in the epoch, from 0.
        interval: iterations between two lines.
    """
    short = len(runner.train_dataloader) <= interval
    return hook.every_n_inner_iters(batch_idx, interval) or (
        short and hook.end_of_epoch(runner.train_dataloader, batch_idx)
    )
