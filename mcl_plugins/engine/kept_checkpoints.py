"""Which checkpoints of a training are deleted: late, and only its own."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ..checkpoint.latest import write_pointer
from .best_scores import carry_over


class KeptCheckpointsHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, which deletes late, and only what it has written.

    MMEngine deletes the oldest file, and the earlier best one, before the new one is written. With
    ``max_keep_ckpts=1``, a save that fails, for example because the disk is full, then leaves no
    checkpoint at all.

    What is to be deleted is noted in each checkpoint, and MMEngine deletes what the one that is
    resumed notes: any file or folder. Here only numbers of earlier checkpoints and names of best
    ones count, in the folder of the checkpoints. The file ``last_checkpoint`` has a name and no
    path, so that a copied folder resumes from its own files.

    A training that is resumed with another metric or rule of ``save_best`` begins to look for the
    best anew, and the earlier best checkpoint stays.

    Args:
        *args: arguments of MMEngine's hook.
        milestones: number of checkpoints, evenly over the training and with the last one, that are
            never deleted: for figures over epochs. They do not count for ``max_keep_ckpts``.
        **kwargs: arguments of MMEngine's hook.

    Raises:
        ValueError: ``milestones`` is not a whole number from 0.
    """

    best_ckpt_path: str | None
    best_ckpt_path_dict: dict[str, str | None]

    def __init__(self, *args: Any, milestones: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if type(milestones) is not int or milestones < 0:
            raise ValueError(
                f'milestones={milestones!r} of the CheckpointHook is not a whole number from 0; it '
                'is the number of checkpoints that are kept over the whole training.'
            )
        self.milestones = milestones

    def before_train(self, runner: Runner) -> None:
        """Find the folder of the checkpoints and those that an earlier life has kept."""
        infos = runner.message_hub.runtime_info
        noted = infos.pop('keep_ckpt_ids', None)  # MMEngine would delete some of them now
        if self.save_best and 'auto' not in self.key_indicators:
            self._carry_over_best(runner)
        super().before_train(runner)
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque(_steps(noted))  # the next save deletes those too many
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._keep_own_best()

    def _carry_over_best(self, runner: Runner) -> None:
        """Go on from the best checkpoints of an earlier life that are best by the same."""
        rules = dict(zip(self.key_indicators, self.rules, strict=True))
        now = ', '.join(f'{metric} ({rule})' for metric, rule in rules.items())
        for best in carry_over(runner.message_hub, rules):
            runner.logger.warning(
                f'The best checkpoint so far, {best.file or "which has no name"}, is that by '
                f'{best.metric or "another metric"}{f" ({best.rule})" * bool(best.rule)}, with '
                f'{best.score}. It stays, and the best by {now} is looked for from now on.'
            )

    def _name_metric(self, runner: Runner, metric: str) -> None:
        """Take a metric for ``save_best='auto'``, as MMEngine does after the first validation."""
        self._init_rule(self.rules, [metric])
        self._carry_over_best(runner)
        self.best_ckpt_path = runner.message_hub.runtime_info.get('best_ckpt')
        self._keep_own_best()

    def _keep_own_best(self) -> None:
        """Forget best checkpoints that a resumed file names outside of the folder."""
        parts = re.split(r'\{[^}]*\}', self.filename_tmpl)
        own = re.compile('best_.+_' + r'\d+'.join(map(re.escape, parts)))

        def inside(path: object) -> str | None:
            name = str(path or '').replace('\\', '/').rpartition('/')[2]
            known = own.fullmatch(name) is not None
            return self.file_backend.join_path(self.out_dir, name) if known else None

        if getattr(self, 'best_ckpt_path', None) is not None:
            self.best_ckpt_path = inside(self.best_ckpt_path)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = inside(path)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        """Save a checkpoint, note its name, and then delete the outdated ones."""
        outdated: list[int] = []
        if self.max_keep_ckpts > 0:
            kept = [number for number in self.keep_ckpt_ids if number != step] + [step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids = deque(kept)
            runner.message_hub.update_info('keep_ckpt_ids', kept)
        self.write(runner, self.filename_tmpl.format(step), meta, self.by_epoch)
        if is_main_process():
            for number in outdated:
                if not self.is_milestone(runner, number):
                    self.remove(self.filename_tmpl.format(number))

    def is_milestone(self, runner: Runner, step: int) -> bool:
        """Return whether a checkpoint is the first at or after a milestone of the training.

        Args:
            runner: the Runner.
            step: number of epochs or iterations that the checkpoint has.
        """
        if not self.milestones:
            return False
        whole = runner.max_epochs if self.by_epoch else runner.max_iters
        passed = step * self.milestones // whole
        return passed > max(0, step - self.interval) * self.milestones // whole

    def write(self, runner: Runner, name: str, meta: dict[str, Any], by_epoch: bool) -> None:
        """Save a checkpoint, with the arguments of the hook, and note its name.

        Args:
            runner: the Runner.
            name: of the file.
            meta: number of complete epochs and iterations.
            by_epoch: whether MMEngine counts one epoch or one iteration more than the Runner does.
        """
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', name)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_pointer(runner.work_dir, name)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        """Save a checkpoint that is the best so far, and then delete the one that was."""
        if not self.save_best:
            return
        if 'auto' in self.key_indicators:
            self._name_metric(runner, next(iter(metrics)))
        before = self._hide_best()
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            after = self._hide_best()
            self._set_best({key: after.get(key) or path for key, path in before.items()})
        for key, path in before.items():
            if path and after.get(key) and path != after[key] and is_main_process():
                self.remove(path.rpartition('/')[2])

    def _hide_best(self) -> dict[str, str | None]:
        """Return the best checkpoints by metric, and forget them."""
        if len(self.key_indicators) == 1:
            found = {'': self.best_ckpt_path}
        else:
            found = dict(self.best_ckpt_path_dict)
        self._set_best(dict.fromkeys(found))
        return found

    def _set_best(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = dict(paths)

    def remove(self, name: str) -> None:
        """Delete a checkpoint if it exists; DeepSpeed's checkpoints are folders."""
        path = self.file_backend.join_path(self.out_dir, name)
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):
            self.file_backend.rmtree(path)


def _steps(noted: object) -> list[int]:
    """Return the numbers among what a checkpoint notes as kept, in ascending order."""
    numbers = noted if isinstance(noted, list | tuple) else ()
    return sorted({number for number in numbers if type(number) is int and number > 0})
