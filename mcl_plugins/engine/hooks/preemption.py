"""A hook that stops a training at a signal, with a checkpoint of the step that it was in."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, get_dist_info, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...registry import HOOKS
from ...utils.signals import SignalThread, Stopped
from ..agreement import StepAgreement, completes_update
from ..checkpoint_hook import save_iteration
from ..loader_workers import shield_workers

# A scheduler may send one signal to a process twice, by itself and through the launcher.
_TWICE = 0.2  # seconds


@HOOKS.register_module()
class PreemptionHook(Hook):
    """Finish the step, write a checkpoint and end when a signal asks for it.

    SIGTERM, SIGUSR1 (Slurm's ``--signal=USR1@120``) and SIGINT (Ctrl-C) are such signals. The
    checkpoint is ``iter_N.pth`` in the folder of the ``CheckpointHook``, and ``last_checkpoint``
    names it. With gradient accumulation the optimizer's step is finished. It is enough that one
    of several processes gets the signal: all stop after the same step. A second signal ends the
    process at once.

    The training then ends with :class:`~mcl_plugins.utils.signals.Stopped`, a ``SystemExit`` of
    status 75, at which ``tools/slurm_train.sh --requeue`` queues the job again. A signal before
    the first step has its usual effect, because nothing is lost. One during validation stops
    after the batch; one in the last step of a training does not keep it from ending.

    The package's Runner adds the hook if a config does not list it. In another Runner the hook does
    nothing, because that could not restore the process's own reaction to the signals after an
    error: a later Ctrl-C would be lost.
    """

    priority = 'VERY_LOW'  # after the schedulers, and after the checkpoint of the same step

    def __init__(self) -> None:
        self._thread: SignalThread | None = None
        self._first: tuple[signal.Signals, float] | None = None

    def before_train(self, runner: Runner) -> None:
        """Begin to listen to the signals, in place of the data loaders' workers, too."""
        self._first = None
        self._is_main = is_main_process()
        self._agreement = StepAgreement('stop')
        self._at_end_of_epoch = False
        loops = [runner.train_loop, *([runner.val_loop] if runner.val_loop is not None else [])]
        for loop in loops:
            shield_workers(loop.dataloader)
        if runner.message_hub.runtime_info.get('mcl_plugins_runner'):
            self._thread = SignalThread(self._react)
            self._thread.install()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Stop if all processes agree on it; at the end of an epoch, after its checkpoint."""
        if not completes_update(runner) or not self._agreement.reached(self._asked):
            return
        done, by_epoch = runner.iter + 1, isinstance(runner.train_loop, EpochBasedTrainLoop)
        if by_epoch and self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._at_end_of_epoch = True
        elif done < runner.max_iters:
            self._stop(runner, runner.epoch, done)

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop if the signal came during the last step of the epoch."""
        if self._at_end_of_epoch and runner.epoch + 1 < runner.max_epochs:
            self._stop(runner, runner.epoch + 1, runner.iter)

    def before_val_epoch(self, runner: Runner) -> None:
        """Count the batches that every process has; the last one may be only some processes'."""
        self._agreement = StepAgreement('stop')
        loader = runner.val_loop.dataloader
        batch = loader.batch_size or len(loader.dataset)
        self._common_batches = len(loader.dataset) // (get_dist_info()[1] * batch)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Stop if all processes agree on it; the step before the validation is complete."""
        if self._thread is None or batch_idx >= self._common_batches:
            return
        if self._agreement.reached(self._asked):
            self._stop(runner, runner.epoch, runner.iter)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Agree on training steps again."""
        self._agreement = StepAgreement('stop')

    def after_train(self, runner: Runner) -> None:
        """Restore the process's own reaction to the signals."""
        self.close()

    def close(self) -> None:
        """Restore the process's own reaction to the signals, also after an error."""
        if self._thread is not None:
            self._thread.restore()
            self._thread = None

    @property
    def _asked(self) -> bool:
        return self._first is not None

    def _react(self, number: signal.Signals) -> None:
        """Remember the first signal, and end at the second; runs in a thread of its own."""
        now = time.monotonic()
        if self._first is None:
            self._first = number, now
            if self._is_main:
                say(f'{number.name}: stopping after this step, with a checkpoint. Again: at once.')
        elif number != self._first[0] or now - self._first[1] > _TWICE:
            say(f'{number.name} for the second time: ended without a checkpoint of this step.')
            os._exit(128 + number)

    def _stop(self, runner: Runner, epoch: int, done: int) -> None:
        file = save_iteration(runner, epoch, done)
        barrier()  # the launcher ends the other processes when the first one has ended
        cause = self._first[0].name if self._first is not None else 'a signal to another process'
        runner.logger.info(
            f'Stopped by {cause} after iteration {done}; the checkpoint is {Path(file).name}. '
            'Continue with --resume.'
        )
        raise Stopped


def say(message: str) -> None:
    """Write a line to standard error, from any thread."""
    print(f'\n{message}', file=sys.stderr, flush=True)
