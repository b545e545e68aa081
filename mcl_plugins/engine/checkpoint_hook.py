"""A CheckpointHook that deletes late and only its own files, and checks ``save_best`` early."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook as _CheckpointHook
from mmengine.runner import Runner

from ..checkpoint.latest import write_pointer
from ..registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """MMEngine's ``CheckpointHook``, which deletes late, and only what it has written.

    MMEngine deletes the oldest file, and the earlier best one, before the new one is written. With
    ``max_keep_ckpts=1``, a save that fails, for example because the disk is full, then leaves no
    checkpoint at all. The arguments are the same.

    What is to be deleted is noted in each checkpoint, and MMEngine deletes what the one that is
    resumed notes: any file or folder. Here only numbers of earlier checkpoints and names of best
    ones count, in the folder of the checkpoints. The file ``last_checkpoint`` has a name and no
    path, so that a copied folder resumes from its own files.

    The hook also checks before the first iteration that a metric has what ``save_best`` names;
    MMEngine finds out after the first validation.

    Example:
        >>> CheckpointHook(interval=10, max_keep_ckpts=1).max_keep_ckpts
        1
    """

    best_ckpt_path: str | None
    best_ckpt_path_dict: dict[str, str | None]

    def before_train(self, runner: Runner) -> None:
        """Find the folder of the checkpoints, and check ``save_best``.

        Raises:
            ValueError: no metric of ``val_evaluator`` has the name.
        """
        infos = runner.message_hub.runtime_info
        noted = infos.pop('keep_ckpt_ids', None)  # MMEngine would delete some of them now
        super().before_train(runner)
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque(_steps(noted))  # the next save deletes those too many
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._keep_own_best()
        wanted = [name for name in getattr(self, 'key_indicators', []) if name != 'auto']
        if not wanted:
            return
        if runner.val_loop is None:
            runner.logger.warning(f'save_best={wanted}: nothing is validated, so none is kept.')
            return
        check_save_best(wanted, runner.val_evaluator.metrics)

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
        name = self.filename_tmpl.format(step)
        outdated: list[int] = []
        if self.max_keep_ckpts > 0:
            kept = [number for number in self.keep_ckpt_ids if number != step] + [step]
            outdated, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids = deque(kept)
            runner.message_hub.update_info('keep_ckpt_ids', kept)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', name)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_pointer(runner.work_dir, name)
            for number in outdated:
                self._remove(self.filename_tmpl.format(number))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        """Save a checkpoint that is the best so far, and then delete the one that was."""
        if not self.save_best:
            return
        before = self._hide_best()
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            after = self._hide_best()
            self._set_best({key: after.get(key) or path for key, path in before.items()})
        for key, path in before.items():
            if path and after.get(key) and path != after[key] and is_main_process():
                self._remove(path.rpartition('/')[2])

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

    def _remove(self, name: str) -> None:
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


def check_save_best(wanted: Sequence[str], metrics: Sequence[BaseMetric]) -> None:
    """Raise a ValueError if metrics do not have one of the names.

    Nothing is checked beside a metric whose names are not known before it is computed.

    Example:
        >>> from mmpretrain.evaluation import Accuracy
        >>> check_save_best(['accuracy/top1'], [Accuracy(topk=(1, 5))])
    """
    names: list[str] = []
    for metric in metrics:
        known = metric_names(metric)
        if known is None:
            return
        names += [f'{metric.prefix}/{name}' if metric.prefix else name for name in known]
    for name in wanted:
        if name not in names:
            raise ValueError(
                f'default_hooks.checkpoint.save_best={name!r}: no metric of val_evaluator has this '
                f'name. They have: {", ".join(names)}.'
            )


def metric_names(metric: Any) -> list[str] | None:
    """Return the names of a metric's values without its prefix; None if they are not known.

    They are known of the metrics of this package's configs: mmpretrain's ``Accuracy``, mmseg's
    ``IoUMetric`` and mmdet's ``CocoMetric``.
    """
    kind = type(metric).__name__
    if kind == 'Accuracy':
        ends = (
            ['']
            if len(metric.thrs) == 1
            else ['_no-thr' if thr is None else f'_thr-{thr:.2f}' for thr in metric.thrs]
        )
        return [f'top{k}{end}' for k in metric.topk for end in ends]
    if kind == 'IoUMetric':
        wanted = [metric.metrics] if isinstance(metric.metrics, str) else metric.metrics
        rows = {
            'mIoU': ['mIoU', 'mAcc'],
            'mDice': ['mDice', 'mAcc'],
            'mFscore': ['mFscore', 'mPrecision', 'mRecall'],
        }
        return list(dict.fromkeys(['aAcc', *(name for row in wanted for name in rows[row])]))
    if kind == 'CocoMetric' and not metric.classwise and metric.metric_items is None:
        ends = ['', '_50', '_75', '_s', '_m', '_l']
        if set(metric.metrics) <= {'bbox', 'segm'}:
            return [f'{row}_mAP{end}' for row in metric.metrics for end in ends]
    return None
