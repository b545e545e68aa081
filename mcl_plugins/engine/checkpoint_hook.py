"""A CheckpointHook that deletes late and looks for the metric of ``save_best`` early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook as _CheckpointHook
from mmengine.runner import Runner

from ..registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """MMEngine's ``CheckpointHook``, which deletes the oldest file after the new one is written.

    MMEngine deletes it before. With ``max_keep_ckpts=1``, a save that fails, for example because
    the disk is full, then leaves no checkpoint at all. The arguments are the same.

    The hook also checks before the first iteration that a metric has what ``save_best`` names;
    MMEngine finds out after the first validation.

    Example:
        >>> CheckpointHook(interval=10, max_keep_ckpts=1).max_keep_ckpts
        1
    """

    def before_train(self, runner: Runner) -> None:
        """Find the folder of the checkpoints, and check ``save_best``.

        Raises:
            ValueError: no metric of ``val_evaluator`` has the name.
        """
        super().before_train(runner)
        wanted = [name for name in getattr(self, 'key_indicators', []) if name != 'auto']
        if not wanted:
            return
        if runner.val_loop is None:
            runner.logger.warning(f'save_best={wanted}: nothing is validated, so none is kept.')
            return
        check_save_best(wanted, runner.val_evaluator.metrics)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = None
        if self.max_keep_ckpts > 0:
            kept = self.keep_ckpt_ids
            if len(kept) == self.max_keep_ckpts and kept[-1] != step:
                outdated = kept.popleft()  # hide it from MMEngine, which would delete it now
        super()._save_checkpoint_with_step(runner, step, meta)
        if outdated is not None and is_main_process():
            self._remove(self.filename_tmpl.format(outdated))

    def _remove(self, name: str) -> None:
        """Delete a checkpoint if it exists; DeepSpeed's checkpoints are folders."""
        path = self.file_backend.join_path(self.out_dir, name)
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):
            self.file_backend.rmtree(path)


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
