"""A hook that reports in the log which images could not be read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...datasets.bad_images import FILE_NAME, BadImages
from ...registry import HOOKS


@HOOKS.register_module()
class BadImagesHook(Hook):
    """Log the number of images that were replaced because they could not be read, if it grew.

    The data sets list them in ``bad_images.txt`` in the work dir. The package's Runner adds this
    hook.

    Args:
        interval: iterations between two looks at that list.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._reported = 0

    def before_train(self, runner: Runner) -> None:
        """Report those of the runs before a resumption."""
        self._report(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Report every ``interval`` iterations."""
        if self.every_n_train_iters(runner, self.interval):
            self._report(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Report at the end of an epoch."""
        self._report(runner)

    def after_train(self, runner: Runner) -> None:
        """Report at the end of the training."""
        self._report(runner)

    def _report(self, runner: Runner) -> None:
        file = Path(runner.work_dir, FILE_NAME)
        if not is_main_process() or not file.exists():
            return
        found = BadImages(file, limit=0).read()
        if len(found) > self._reported:
            reason = list(found.values())[-1]
            print_log(
                f'{len(found)} image{"s" * (len(found) > 1)} could not be read and '
                f'{"were" if len(found) > 1 else "was"} replaced; the list is {file}. '
                f'The last one: {reason}',
                'current',
                logging.WARNING,
            )
            self._reported = len(found)
