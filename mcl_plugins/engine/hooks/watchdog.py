"""A hook that ends a process which makes no progress, and says where it hangs."""

from __future__ import annotations

import faulthandler
import os
import platform
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import dataloader

from ...registry import HOOKS

_HUNG = 1  # exit status


@HOOKS.register_module()
class WatchdogHook(Hook):
    """End a training that hangs, for example in a data loader or in a collective.

    A thread looks whether the main one goes from batch to batch; a hook that takes many batches
    itself says so by :func:`tell_watchdog`. After ``seconds`` without progress, the process says
    its rank, the batch and whether it waits for data or is in a step, writes the stacks of its
    threads to ``hang_rank<N>.txt`` beside the log, and ends with status 1. One that is in a step
    may only wait for another process, which hangs; it is given half as long again, at most 10 s, so
    that the other one speaks first. Time in which the process is stopped (SIGSTOP) does not count.

    The package's Runner adds the hook if a config does not list it.

    Args:
        seconds: the longest time that a batch, a step, a checkpoint, a batch of a probe or the
            computation of metrics may take; None for no limit.

    Raises:
        ValueError: ``seconds`` is not positive.
    """

    priority = 'LOWEST'  # what other hooks do after a step belongs to the step

    def __init__(self, seconds: float | None = 1800) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError(
                f'seconds={seconds} of the WatchdogHook is not positive; None sets no limit.'
            )
        self.seconds = seconds
        self._ended = threading.Event()
        self._place, self._count = '', 0

    def before_train(self, runner: Runner) -> None:
        """Start the thread that looks."""
        if self.seconds is None:
            return
        self._ended = threading.Event()
        self._folder = Path(runner.log_dir)
        self.note('before the first batch')
        main = threading.main_thread().ident
        look = threading.Thread(
            target=self._look, args=(self._ended, self.seconds, main), daemon=True
        )
        look.start()

    def before_train_epoch(self, runner: Runner) -> None:
        """The first batch of an epoch is loaded."""
        self.note(_batch(runner, 0, 1))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """A batch has arrived."""
        self.note(f'batch {batch_idx + 1} of epoch {runner.epoch + 1}, iteration {runner.iter + 1}')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """The next batch is loaded."""
        self.note(f'batch {batch_idx + 2} of epoch {runner.epoch + 1}, iteration {runner.iter + 2}')

    def after_train_epoch(self, runner: Runner) -> None:
        """An epoch is complete."""
        self.note(f'the end of epoch {runner.epoch + 1}')

    def before_val_epoch(self, runner: Runner) -> None:
        """The first batch of the validation data is loaded."""
        self.note('batch 1 of the validation')

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """A batch of the validation data has arrived."""
        self.note(f'batch {batch_idx + 1} of the validation')

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """The next batch of the validation data is loaded."""
        self.note(f'batch {batch_idx + 2} of the validation')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """The metrics are computed."""
        self.note('the end of the validation')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """A checkpoint is written, which may take its own time."""
        self.note(f'the checkpoint after iteration {checkpoint["meta"].get("iter")}')

    def after_train(self, runner: Runner) -> None:
        """End the thread."""
        self.close()

    def close(self) -> None:
        """End the thread, also after an error."""
        self._ended.set()

    def note(self, place: str) -> None:
        """Note progress.

        Args:
            place: what comes next, as it is named if it takes too long.
        """
        self._place = place
        self._count += 1

    def _look(self, ended: threading.Event, seconds: float, main: int) -> None:
        """Count the time without progress, and end the process after too much of it."""
        tick = min(1.0, seconds / 4)
        seen, idle, last = -1, 0.0, time.monotonic()
        while not ended.wait(tick):
            now = time.monotonic()
            idle = 0.0 if self._count != seen else idle + min(now - last, 2 * tick)
            seen, last = self._count, now
            if idle < seconds:
                continue
            frame = sys._current_frames()[main]
            if waits_for_data(frame) or idle >= seconds + min(10.0, seconds / 2):
                self._report(seconds, frame)
                os._exit(_HUNG)

    def _report(self, seconds: float, frame: FrameType) -> None:
        rank, processes = get_dist_info()
        file = self._folder / f'hang_rank{rank}.txt'
        try:
            with file.open('w') as stacks:
                faulthandler.dump_traceback(stacks)
            where = f'Its stacks are in {file}.'
        except OSError as error:
            where = f'Its stacks could not be written to {file} ({error.strerror}).'
        if waits_for_data(frame):
            doing = f'it waits for {self._place}, from its data loader'
        else:
            line = f'{frame.f_code.co_filename}:{frame.f_lineno}'
            doing = f'it is at {self._place}, in {line}, or waits there for another process'
        print(
            f'\nerror: process {rank} of {processes} (PID {os.getpid()} on {platform.node()}) has '
            f'made no progress for {seconds:g} s: {doing}. {where} The limit is '
            'default_hooks.watchdog.seconds.',
            file=sys.stderr,
            flush=True,
        )


def tell_watchdog(runner: Runner, place: str) -> None:
    """Tell the watchdog of a training, if it has one, that a hook makes progress.

    Args:
        runner: of the training.
        place: what the hook does next, as it is named if it takes too long.
    """
    for hook in runner.hooks:
        if isinstance(hook, WatchdogHook):
            hook.note(place)


def _batch(runner: Runner, index: int, ahead: int) -> str:
    epoch, iteration = runner.epoch + 1, runner.iter + ahead
    return f'batch {index + ahead} of epoch {epoch}, iteration {iteration}'


def waits_for_data(frame: FrameType | None) -> bool:
    """Whether a thread is in a data loader, by the frame that it executes."""
    while frame is not None:
        if frame.f_code.co_filename == dataloader.__file__:
            return True
        frame = frame.f_back
    return False
