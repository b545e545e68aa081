"""Stops a run whose loss is no longer a number."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from ...registry import HOOKS
from .unwrap import unwrapped_model


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop before a network of NaNs replaces the last good checkpoint.

    Looks every ``interval`` iterations, at the end of an epoch and before each checkpoint.

    Args:
        interval: iterations between two looks.

    Raises:
        FloatingPointError: the loss is infinite or not a number, or a weight is not a number.
    """

    priority = 'HIGH'

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._loss: Tensor | None = None
        self._iteration = 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Look at the iteration's loss when it is due."""
        if not outputs:
            return
        self._loss, self._iteration = outputs['loss'].detach(), runner.iter + 1
        due = self.every_n_train_iters(runner, self.interval)
        if due or self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._check_loss(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at the last loss, and at the weights, which the step after it may have spoilt."""
        self._check_loss(runner)
        # Parameters alone: a buffer may hold what it likes.
        trained = dict(unwrapped_model(runner).named_parameters())
        state = checkpoint['state_dict']
        broken = [name for name in trained if name in state and state[name].isnan().any()]
        if broken:
            raise FloatingPointError(
                f'{len(broken)} weights, from {broken[0]} on, are not a number after iteration '
                f'{self._iteration}. {_advice(runner)}'
            )

    def _check_loss(self, runner: Runner) -> None:
        if self._loss is not None and not math.isfinite(loss := self._loss.item()):
            raise FloatingPointError(
                f'The loss is {loss} at iteration {self._iteration}. {_advice(runner)}'
            )


def _advice(runner: Runner) -> str:
    """How to go on. A smaller learning rate has no effect with --resume, which restores the old."""
    return (
        f'Checkpoints in {runner.work_dir} are from before. Go on from the last with --resume and '
        '--cfg-options optim_wrapper.clip_grad.max_norm=1, or without --amp; or start a new '
        'schedule from one with a smaller rate: --cfg-options load_from=FILE '
        'optim_wrapper.optimizer.lr=RATE, in another --work-dir.'
    )
