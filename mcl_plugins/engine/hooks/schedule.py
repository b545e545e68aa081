"""A hook that refuses to resume a training with another learning rate schedule."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from ...checkpoint.latest import find_checkpoint
from ...registry import HOOKS
from ..batches import images_per_process

# The quantities that determine learning rate and EMA momentum -> the config keys that set them.
SETTINGS = {
    'effective batch': (
        'processes x train_dataloader.batch_size x optim_wrapper.accumulative_counts'
    ),
    'learning rate': 'optim_wrapper.optimizer.lr',
    'base batch': 'auto_scale_lr.base_batch_size, if enabled',
    'epochs': 'train_cfg.max_epochs',
    'iterations per epoch': 'images / processes / train_dataloader.batch_size',
    'iterations': 'train_cfg.max_iters',
}


@HOOKS.register_module()
class ScheduleHook(Hook):
    """Store in each checkpoint what its schedule depends on, and compare it on resuming.

    MMEngine restores optimizer and schedulers as they were saved, whatever the config says now.
    With another batch size the learning rates would stay the old ones; with more epochs the added
    epochs would run at the final, smallest learning rate.

    The package's Runner adds the hook if a config does not list it. In another Runner the hook also
    warns if ``auto_scale_lr`` ignores gradient accumulation there, because only the package's
    Runner includes the accumulated batches.

    Raises:
        ValueError: a training is resumed with another batch size, learning rate or length, or from
            a file without the state of a training.
    """

    def before_train(self, runner: Runner) -> None:
        """Warn if another Runner has scaled the learning rate without gradient accumulation."""
        own = runner.message_hub.get_info('mcl_plugins_runner', False)
        if (
            own
            or not get_lr_scaling(runner).get('enable')
            or not isinstance(runner.optim_wrapper, OptimWrapper)
        ):
            return
        if (batches := runner.optim_wrapper._accumulative_counts) > 1:
            runner.logger.warning(
                f'auto_scale_lr: this Runner ignores optim_wrapper.accumulative_counts={batches}'
                f', so the learning rate is {batches} times too small. Multiply '
                f'optim_wrapper.optimizer.lr by {batches}, or set '
                'runner_type="mcl_plugins.Runner" to train with the Runner that includes it.'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the quantities of the schedule to the checkpoint's ``meta``."""
        if isinstance(runner.optim_wrapper, OptimWrapper):
            checkpoint['meta']['schedule'] = describe_schedule(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the schedules before any tensor is loaded.

        A file that has no such entry is accepted. So is the checkpoint of a training that is
        already finished, because a script of several stages resumes its finished stages.
        """
        # The wrapper is built for training only; testing may load any checkpoint.
        training = isinstance(runner.optim_wrapper, OptimWrapper)
        if not runner._resume or not training:
            return
        file = runner._load_from or find_checkpoint(runner.work_dir)
        meta = checkpoint.get('meta') or {}
        if not {'epoch', 'iter'} <= meta.keys() or 'optimizer' not in checkpoint:
            raise ValueError(
                f'{file} has weights but no training state, so --resume cannot continue from it. '
                f'To start from its weights, set --cfg-options load_from={file} for a whole model '
                f'or model.backbone.init_cfg.checkpoint={file} for an encoder.'
            )
        if 'schedule' in meta and not _finished(meta, runner.train_loop):
            check_same_schedule(meta['schedule'], describe_schedule(runner), file)


def _finished(meta: dict[str, Any], loop: BaseLoop) -> bool:
    """Whether the training that wrote ``meta`` has reached the end of the loop."""
    if isinstance(loop, EpochBasedTrainLoop):
        return meta['epoch'] >= loop.max_epochs
    return meta['iter'] >= loop.max_iters


def get_lr_scaling(runner: Runner) -> dict[str, Any]:
    """Return the runner's ``auto_scale_lr``; FlexibleRunner stores it as ``_auto_scale_lr``."""
    return getattr(runner, 'auto_scale_lr', None) or getattr(runner, '_auto_scale_lr', None) or {}


def describe_schedule(runner: Runner) -> dict[str, Any]:
    """Return the quantities that determine the schedule, by the names in ``SETTINGS``."""
    wrapper, loop = runner.optim_wrapper, runner.train_loop
    batch = images_per_process(runner._train_dataloader)
    scaling = get_lr_scaling(runner)
    schedule = {
        'effective batch': runner.world_size * batch * wrapper._accumulative_counts,
        'learning rate': float(wrapper.optimizer.defaults['lr']),
        'base batch': scaling.get('base_batch_size') if scaling.get('enable') else None,
    }
    if isinstance(loop, EpochBasedTrainLoop):
        length = len(loop.dataloader)
        return {**schedule, 'epochs': loop.max_epochs, 'iterations per epoch': length}
    return {**schedule, 'iterations': loop.max_iters}


def check_same_schedule(saved: dict[str, Any], present: dict[str, Any], file: str | None) -> None:
    """Raise an error if two schedules differ.

    Args:
        saved: quantities of the checkpoint, see :func:`describe_schedule`.
        present: quantities of this training.
        file: path of the checkpoint, for the message.

    Raises:
        ValueError: they differ; the message lists each difference.

    Example:
        >>> check_same_schedule({'epochs': 800}, {'epochs': 800}, 'epoch_10.pth')
    """
    lines = [
        f'{name} ({setting}): {saved.get(name)} in the file, {present.get(name)} here'
        for name, setting in SETTINGS.items()
        if saved.get(name) != present.get(name)
    ]
    if lines:
        raise ValueError(
            f'{file} was trained with another schedule, which --resume would restore:\n  '
            + '\n  '.join(lines)
            + "\nSet the file's values to resume, or start a new schedule from its weights: remove "
            f'--resume and add --cfg-options load_from={file} and another --work-dir.'
        )
