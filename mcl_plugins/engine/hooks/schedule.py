"""Refuses to resume a training on another schedule than the one that it is on."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from ...checkpoint.latest import find_checkpoint
from ...registry import HOOKS
from ..batches import images_per_process

# What learning rates and EMA momentum follow from, and the settings that say it.
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
    """Keep in each checkpoint what its schedule depends on, and compare when it is resumed.

    MMEngine restores optimizer and schedulers as they were saved, whatever the config says now:
    with another batch the rates stay the old ones, with more epochs the last run at the floor.

    The package's Runner adds the hook where a config does not name it. In another Runner it also
    says when ``auto_scale_lr`` comes to another learning rate there, which only the package's
    Runner scales by accumulated batches.

    Raises:
        ValueError: a training is resumed with another batch, rate or length, or from a file
            without the state of a training.
    """

    def before_train(self, runner: Runner) -> None:
        """Say so if another Runner has left accumulation out of the learning rate."""
        own = runner.message_hub.get_info('mcl_plugins_runner', False)
        if (
            own
            or not get_lr_scaling(runner).get('enable')
            or not isinstance(runner.optim_wrapper, OptimWrapper)
        ):
            return
        if (batches := runner.optim_wrapper._accumulative_counts) > 1:
            runner.logger.warning(
                f'auto_scale_lr: this Runner leaves out optim_wrapper.accumulative_counts={batches}'
                f', so the learning rate is {batches} times too small. Multiply '
                'optim_wrapper.optimizer.lr by it, or train with runner_type="mcl_plugins.Runner".'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the record to the checkpoint's ``meta``."""
        if isinstance(runner.optim_wrapper, OptimWrapper):
            checkpoint['meta']['schedule'] = describe_schedule(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare, before a tensor is loaded.

        A file without a record passes, and so does one of a training that has nothing left to do,
        as a script of several stages finds it.
        """
        # Built for training only: testing wants the weights of any checkpoint.
        training = isinstance(runner.optim_wrapper, OptimWrapper)
        if not runner._resume or not training:
            return
        file = runner._load_from or find_checkpoint(runner.work_dir)
        meta = checkpoint.get('meta') or {}
        if not {'epoch', 'iter'} <= meta.keys() or 'optimizer' not in checkpoint:
            raise ValueError(
                f'{file} has weights but no training state, so --resume cannot go on from it. To '
                f'start from its weights: --cfg-options load_from={file} for a whole model, '
                f'model.backbone.init_cfg.checkpoint={file} for an encoder.'
            )
        if 'schedule' in meta and not _finished(meta, runner.train_loop):
            check_same_schedule(meta['schedule'], describe_schedule(runner), file)


def _finished(meta: dict[str, Any], loop: BaseLoop) -> bool:
    """Whether the training that wrote ``meta`` is at the loop's end."""
    if isinstance(loop, EpochBasedTrainLoop):
        return meta['epoch'] >= loop.max_epochs
    return meta['iter'] >= loop.max_iters


def get_lr_scaling(runner: Runner) -> dict[str, Any]:
    """The runner's ``auto_scale_lr``, which MMEngine's FlexibleRunner keeps under another name."""
    return getattr(runner, 'auto_scale_lr', None) or getattr(runner, '_auto_scale_lr', None) or {}


def describe_schedule(runner: Runner) -> dict[str, Any]:
    """What the schedule of a training depends on, by the names in ``SETTINGS``."""
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
    """Raise an error that lists what differs."""
    lines = [
        f'{name} ({setting}): {saved.get(name)} in the file, {present.get(name)} here'
        for name, setting in SETTINGS.items()
        if saved.get(name) != present.get(name)
    ]
    if lines:
        raise ValueError(
            f'{file} is on another schedule, which --resume would restore:\n  '
            + '\n  '.join(lines)
            + "\nGo on with the file's values, or start a new schedule from its weights: leave out "
            f'--resume and say --cfg-options load_from={file}, in another --work-dir.'
        )
