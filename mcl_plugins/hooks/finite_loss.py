"""Stops a run whose loss is no longer a number."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..registry import HOOKS


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop before a network of NaNs replaces the last good checkpoint.

    Looks every ``interval`` iterations and at the end of an epoch, before checkpoints are written.

    Args:
        interval: iterations between two looks.

    Raises:
        FloatingPointError: the loss is infinite or not a number.
    """

    priority = 'HIGH'

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Look at the iteration's loss."""
        due = self.every_n_train_iters(runner, self.interval)
        last = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if not outputs or not (due or last):
            return
        loss = outputs['loss'].item()
        if not math.isfinite(loss):
            raise FloatingPointError(
                f'The loss is {loss} at iteration {runner.iter + 1}. The last checkpoint is from '
                'before; go on from it (--resume) with a smaller learning rate, clip_grad, or '
                'without --amp.'
            )
