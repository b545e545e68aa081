"""A hook that stops a training whose loss or weights are no longer finite numbers."""

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
    """Stop the training before a checkpoint with NaN weights replaces the last good one.

    The loss is checked every ``interval`` iterations, at the end of each epoch and before each
    checkpoint is written. The weights are checked before each checkpoint.

    Args:
        interval: iterations between two checks of the loss.

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
        """Check the loss every ``interval`` iterations and at the end of an epoch."""
        if not outputs:
            return
        self._loss, self._iteration = outputs['loss'].detach(), runner.iter + 1
        due = self.every_n_train_iters(runner, self.interval)
        if due or self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._check_loss(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the last loss, and the weights after the optimizer step that followed it."""
        self._check_loss(runner)
        # Only parameters: a buffer may contain NaNs on purpose.
        trained = dict(unwrapped_model(runner).named_parameters())
        state = checkpoint['state_dict']
        broken = [name for name in trained if name in state and state[name].isnan().any()]
        if broken:
            raise FloatingPointError(
                f'{len(broken)} weights, the first of them {broken[0]}, are not a number after '
                f'iteration {self._iteration}. {_advice(runner)}'
            )

    def _check_loss(self, runner: Runner) -> None:
        if self._loss is not None and not math.isfinite(loss := self._loss.item()):
            raise FloatingPointError(
                f'The loss is {loss} at iteration {self._iteration}. {_advice(runner)}'
            )


def _advice(runner: Runner) -> str:
    """Instructions for the user after a loss or weight that is not finite.

    They do not suggest a smaller learning rate together with ``--resume``, because resuming
    restores the learning rate schedule of the checkpoint.
    """
    return (
        f'The checkpoints in {runner.work_dir} are from earlier iterations. Continue from the '
        'last one with --resume and --cfg-options optim_wrapper.clip_grad.max_norm=1, or without '
        '--amp. Or start a new schedule with a smaller learning rate from one of them: '
        '--cfg-options load_from=FILE optim_wrapper.optimizer.lr=LR, in another --work-dir.'
    )
