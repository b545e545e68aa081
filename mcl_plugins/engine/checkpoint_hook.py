"""A CheckpointHook that saves by time, too, and looks early for the metric of ``save_best``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import EpochBasedTrainLoop, Runner

from ..registry import HOOKS
from .agreement import StepAgreement, completes_update
from .kept_checkpoints import KeptCheckpointsHook
from .save_best import check_watched


@HOOKS.register_module()
class CheckpointHook(KeptCheckpointsHook):
    """MMEngine's ``CheckpointHook``, which saves by time, too, and deletes late and only its own.

    With ``minutes`` it also saves ``iter_N.pth`` within an epoch when the last checkpoint is that
    old, so that an epoch of hours is not lost. Such a file does not count for ``max_keep_ckpts``:
    the next checkpoint of any kind replaces it. All processes save after the same step.

    The hook also checks before the first iteration that a metric has what ``save_best`` names, and
    what other hooks and schedules watch; MMEngine finds out after the first validation.

    Args:
        *args: arguments of the :class:`KeptCheckpointsHook` and of MMEngine's hook.
        minutes: age of the last checkpoint at which one is saved within an epoch; None for never.
        **kwargs: arguments of these hooks, ``milestones`` among them.

    Raises:
        ValueError: ``minutes`` is not positive, or ``milestones`` is not a whole number from 0.

    Example:
        >>> CheckpointHook(interval=10, max_keep_ckpts=1, minutes=30).max_keep_ckpts
        1
    """

    def __init__(self, *args: Any, minutes: float | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if minutes is not None and not minutes > 0:
            raise ValueError(
                f'minutes={minutes} of the CheckpointHook is not positive; None saves no '
                'checkpoint by time.'
            )
        self.minutes = minutes
        self._within: str | None = None  # the file within an epoch, which the next one replaces
        self._saved_iteration = 0

    def before_train(self, runner: Runner) -> None:
        """Find the folder of the checkpoints, and check the names of watched metrics.

        Raises:
            ValueError: no metric of ``val_evaluator`` has the name that the training watches.
        """
        super().before_train(runner)
        self._saved_at = time.monotonic()
        self._agreement = StepAgreement('save')
        self._within = self._resumed_within(runner)
        self._saved_iteration = 0
        if self in getattr(runner, 'hooks', ()):
            check_watched(runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._saved_at, self._saved_iteration = time.monotonic(), meta.get('iter', 0)
        self._replace_within(None, self.filename_tmpl.format(step))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Save if the iteration is one to save at, or if the last checkpoint is old."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self.minutes is None or not completes_update(runner):
            return
        old = is_main_process() and time.monotonic() - self._saved_at >= 60 * self.minutes
        # At the end of an epoch, its own checkpoint or the next step's follows.
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        at_end = by_epoch and self.end_of_epoch(runner.train_dataloader, batch_idx)
        if self._agreement.reached(old) and not at_end:
            self.save_within(runner, runner.epoch, runner.iter + 1)

    def save_within(self, runner: Runner, epoch: int, done: int) -> str:
        """Save ``iter_N.pth``, unless the last checkpoint is of this step; on all processes.

        Args:
            runner: the Runner.
            epoch: number of epochs that are complete.
            done: number of iterations that are complete.

        Returns:
            The path of the checkpoint of this step.
        """
        if done == self._saved_iteration:
            return str(self.last_ckpt)
        name = f'iter_{done}.pth'
        runner.logger.info(f'Saving checkpoint {name}')
        self.write(runner, name, dict(epoch=epoch, iter=done), by_epoch=False)
        self._saved_at, self._saved_iteration = time.monotonic(), done
        self._replace_within(name, name)
        return str(self.last_ckpt)

    def _replace_within(self, name: str | None, kept: str) -> None:
        """Delete the last file within an epoch, unless it is ``kept``, and remember the new one."""
        if self._within not in (None, kept) and is_main_process():
            self.remove(str(self._within))
        self._within = name

    def _resumed_within(self, runner: Runner) -> str | None:
        """Return the name of the checkpoint within an epoch that this training goes on from."""
        if not getattr(runner, '_resume', False) or not runner._load_from:
            return None
        file = Path(runner._load_from)
        own = file.resolve().parent == Path(self.out_dir).resolve()
        counted = {self.filename_tmpl.format(step) for step in getattr(self, 'keep_ckpt_ids', [])}
        within = file.name == f'iter_{runner.iter}.pth' and file.name not in counted
        if not self.by_epoch and self.max_keep_ckpts <= 0:
            within = False  # it may be one of those that are all kept
        return file.name if own and within else None


def save_iteration(runner: Runner, epoch: int, done: int) -> str:
    """Save the state after a step as ``iter_N.pth``, in the way of the training's checkpoints.

    Args:
        runner: if it has no :class:`CheckpointHook`, the file is written to its work dir.
        epoch: number of epochs that are complete.
        done: number of iterations that are complete.

    Returns:
        The path of the checkpoint; of one that is there already if it is of the same step.
    """
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            return hook.save_within(runner, epoch, done)
    own = CheckpointHook()
    own.before_train(runner)
    return own.save_within(runner, epoch, done)
