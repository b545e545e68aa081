"""A hook that deletes the checkpoints of an earlier run in the work dir."""

from __future__ import annotations

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...checkpoint.latest import run_files
from ...registry import HOOKS


@HOOKS.register_module()
class OverwriteHook(Hook):
    """Delete the checkpoints of an earlier run as soon as the training begins, and not before.

    What is wrong with the new run's config or data is then known, and a checkpoint of the earlier
    run that it starts from is loaded. The earlier run's logs stay. ``mcl train --overwrite`` adds
    the hook.
    """

    priority = 'VERY_HIGH'  # before a checkpoint is written

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Delete them."""
        for file in run_files(runner.work_dir):
            file.unlink()
            runner.logger.info(f'--overwrite: deleted {file}.')
