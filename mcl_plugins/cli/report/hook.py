"""A hook that keeps the page of a run up to date."""

from __future__ import annotations

import time
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

MINUTES = 5  # between two pages, at the least


class ReportHook(Hook):
    """Write ``report.html`` into the work dir after checkpoints, and at the end of the training.

    ``mcl train`` registers it. A page that cannot be written is a warning and stops nothing.
    """

    priority = 'LOWEST'  # after the checkpoint and the log

    def __init__(self) -> None:
        self._checkpoint: str | None = None
        self._written = time.monotonic()

    def after_train_epoch(self, runner: Runner) -> None:
        """Write the page if there is a new checkpoint and the last page is old."""
        newest = runner.message_hub.runtime_info.get('last_ckpt')
        if newest != self._checkpoint and time.monotonic() - self._written > 60 * MINUTES:
            self._checkpoint = newest
            self._write(runner)

    def after_train(self, runner: Runner) -> None:
        """Write the page of the whole training."""
        self._write(runner)

    def _write(self, runner: Runner) -> None:
        self._written = time.monotonic()
        if not is_main_process():
            return
        # Not with the first step, which would come later.
        from .facts import facts_of  # noqa: PLC0415
        from .run import FILE_NAME, write_page  # noqa: PLC0415

        try:
            write_page([facts_of(runner)], Path(runner.work_dir, FILE_NAME), pictures=False)
        except Exception as error:  # whatever it is, the training is not at fault
            what = f'{type(error).__name__}: {error}'
            runner.logger.warning(f'The page of the run was not written: {what}')
