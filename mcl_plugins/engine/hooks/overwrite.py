"""A hook that deletes the checkpoints of an earlier run in the work dir."""

from __future__ import annotations

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...checkpoint.latest import own_files
from ...registry import HOOKS
from ..checkpoints import out_dir_of


@HOOKS.register_module()
class OverwriteHook(Hook):
    """Delete the checkpoints of an earlier run as soon as the training begins, and not before.

    What is wrong with the new run's config or data is then known, and a checkpoint of the earlier
    run that it starts from is loaded. They are also those in the folder that
    ``default_hooks.checkpoint.out_dir`` names, as ``--resume`` would find them. The earlier run's
    logs stay. ``mcl train --overwrite`` adds the hook.
    """

    priority = 'VERY_HIGH'  # before a checkpoint is written

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Delete them.

        Raises:
            ValueError: the folder that the config names has those of another training.
        """
        out_dir = out_dir_of(runner.cfg)
        for file in own_files(runner.work_dir, out_dir):
            file.unlink()
            runner.logger.info(f'--overwrite: deleted {file}.')
        if '://' in (out_dir or ''):
            runner.logger.warning(
                f'--overwrite: the checkpoints in {out_dir} stay where they are. No resumption '
                'finds them; this training replaces those of the same name.'
            )
