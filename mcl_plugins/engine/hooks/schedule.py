"""A hook that refuses to resume a training with another schedule or optimizer."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from ...checkpoint.latest import find_checkpoint
from ...registry import HOOKS
from ..batches import images_per_process
from ..checkpoints import out_dir_of
from ..parameter_order import describe_other_order
from ..unwrap import unwrapped_model
from ..wrappers import is_single

# The quantities that determine learning rate and EMA momentum -> the config keys that set them.
SETTINGS = {
    'effective batch': (
        'processes x train_dataloader.batch_size x optim_wrapper.accumulative_counts'
    ),
    'optimizer': 'optim_wrapper.optimizer.type',
    'learning rate': 'optim_wrapper.optimizer.lr',
    'base batch': 'auto_scale_lr.base_batch_size, if enabled',
    'epochs': 'train_cfg.max_epochs',
    'iterations per epoch': 'images / processes / train_dataloader.batch_size',
    'iterations': 'train_cfg.max_iters',
}
# What a scheduler's state says of its progress, and of the rates that it began with.
_PROGRESS = {
    'base_values',
    'best',
    'cooldown_counter',
    'last_step',
    'num_bad_epochs',
    'verbose',
    '_global_step',
    '_last_value',
}
# How an optimizer computes its step, which a device chooses (`fused` on CUDA).
_KERNELS = {'foreach', 'fused', 'capturable'}
# What a float16 training's loss scaler finds out by itself.
_FOUND = {'scale', '_growth_tracker'}
# Where a schedule begins and ends, in iterations or epochs.
_PLACES = {'T_max', 'begin', 'end', 'milestones', 'min_values', 'step_size', 'total_iters'}


@HOOKS.register_module()
class ScheduleHook(Hook):
    """Store in each checkpoint what its schedule depends on, and compare it on resuming.

    MMEngine restores optimizer and schedulers as they were saved, whatever the config says now.
    With another batch size the learning rates would stay the old ones; with more epochs the added
    epochs would run at the final, smallest learning rate. Another weight decay, other betas,
    another warm-up or floor would be ignored, while the next checkpoint's config would state them.

    The package's Runner adds the hook if a config does not list it. In another Runner the hook also
    warns if ``auto_scale_lr`` ignores gradient accumulation there, because only the package's
    Runner includes the accumulated batches, and if it repeats a part of an epoch.

    Raises:
        ValueError: a training is resumed with another batch size, optimizer, schedule or length,
            from a file without the state of a training, or from one whose optimizer has the
            parameters in another order.
    """

    def before_train(self, runner: Runner) -> None:
        """Warn of what another Runner does to the schedule: no accumulation, epochs done again."""
        if runner.message_hub.get_info('mcl_plugins_runner', False):
            return
        wrapper, scaling = runner.optim_wrapper, get_lr_scaling(runner)
        batches = wrapper._accumulative_counts if is_single(wrapper) else 1
        if scaling.get('enable') and batches > 1:
            runner.logger.warning(
                f'auto_scale_lr: this Runner ignores optim_wrapper.accumulative_counts={batches}'
                f', so the learning rate is {batches} times too small. Multiply '
                f'optim_wrapper.optimizer.lr by {batches}, or set '
                'runner_type="mcl_plugins.Runner" to train with the Runner that includes it.'
            )
        if again := _iterations_again(runner.train_loop):
            runner.logger.warning(
                f'The checkpoint is from within an epoch, of which this Runner repeats {again} '
                'iterations: learning rate and EMA momentum reach their ends so many iterations '
                'before the training does. Resume from a checkpoint of the end of an epoch, or set '
                'runner_type="mcl_plugins.Runner", which goes on at the next batch.'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the quantities of the schedule to the checkpoint's ``meta``."""
        if is_single(runner.optim_wrapper):
            checkpoint['meta']['schedule'] = describe_schedule(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the schedules before any tensor is loaded.

        A file that has no such entry is accepted. So is the checkpoint of a training that is
        already finished, because a script of several stages resumes its finished stages.
        """
        # The wrapper is built for training only; testing may load any checkpoint.
        training = is_single(runner.optim_wrapper)
        if not runner._resume or not training:
            return
        file = runner._load_from or find_checkpoint(runner.work_dir, out_dir_of(runner.cfg))
        meta = checkpoint.get('meta') or {}
        if not {'epoch', 'iter'} <= meta.keys() or 'optimizer' not in checkpoint:
            raise ValueError(
                f'{file} has weights but no training state, so --resume cannot continue from it. '
                f'To start from its weights, set --cfg-options load_from={file} for a whole model '
                f'or model.backbone.init_cfg.checkpoint={file} for an encoder.'
            )
        if is_finished(meta, runner.train_loop):
            return
        model, optimizer = unwrapped_model(runner), runner.optim_wrapper.optimizer
        moved = describe_other_order(checkpoint['state_dict'], model, optimizer)
        if moved is not None:
            raise ValueError(
                f"The optimizer's state in {file} is that of parameters in another order "
                f'({moved}), as another version of the package, or another '
                'optim_wrapper.constructor, had them. '
                'It would be given to other parameters. Set '
                'optim_wrapper.constructor=mcl_plugins.MergedOptimWrapperConstructor if the file '
                'was trained with it, or start from its weights: remove --resume and add '
                f'--cfg-options load_from={file} and another --work-dir.'
            )
        saved = meta.get('schedule')
        lines = compare_schedules(saved, describe_schedule(runner)) if saved else []
        lines += compare_states(checkpoint, runner, consequences=bool(lines) or not saved)
        if lines:
            raise ValueError(
                f'{file} was trained with another schedule, which --resume would restore:\n  '
                + '\n  '.join(lines)
                + "\nSet the file's values to resume, or start a new schedule from its weights: "
                f'remove --resume and add --cfg-options load_from={file} and another --work-dir.'
            )


def _iterations_again(loop: BaseLoop) -> int:
    """Return how many iterations of an epoch that was begun MMEngine's loop repeats."""
    if not isinstance(loop, EpochBasedTrainLoop):
        return 0
    return max(0, loop.iter - loop.epoch * len(loop.dataloader))


def is_finished(meta: dict[str, Any], loop: BaseLoop) -> bool:
    """Whether the training that wrote ``meta`` has reached the end of the loop."""
    if isinstance(loop, EpochBasedTrainLoop):
        return meta['epoch'] >= loop.max_epochs
    return meta['iter'] >= loop.max_iters


def describe_end(meta: dict[str, Any], loop: BaseLoop) -> str:
    """Return how long the training that wrote ``meta`` was, for a message."""
    if isinstance(loop, EpochBasedTrainLoop):
        return f'epoch {meta["epoch"]} of {loop.max_epochs}'
    return f'iteration {meta["iter"]} of {loop.max_iters}'


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
        'optimizer': type(wrapper.optimizer).__name__,
        'learning rate': float(wrapper.optimizer.defaults['lr']),
        'base batch': scaling.get('base_batch_size') if scaling.get('enable') else None,
    }
    if isinstance(loop, EpochBasedTrainLoop):
        length = len(loop.dataloader)
        return {**schedule, 'epochs': loop.max_epochs, 'iterations per epoch': length}
    return {**schedule, 'iterations': loop.max_iters}


def compare_schedules(saved: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """List the differences of two schedules.

    Args:
        saved: quantities of the checkpoint, see :func:`describe_schedule`.
        present: quantities of this training.

    Returns:
        One line for each difference; what the checkpoint does not have is not compared.

    Example:
        >>> compare_schedules({'epochs': 800}, {'epochs': 400})
        ['epochs (train_cfg.max_epochs): 800 in the file, 400 here']
    """
    return [
        _line(name, setting, saved[name], present.get(name))
        for name, setting in SETTINGS.items()
        if name in saved and saved[name] != present.get(name)
    ]


def compare_states(checkpoint: dict[str, Any], runner: Runner, consequences: bool) -> list[str]:
    """List what the states of the checkpoint's optimizer, loss scaler and schedulers override.

    They hold every setting (weight decay, betas, warm-up, floor, ...), and loading a state replaces
    the settings of this training's config. The other settings of the optimizer wrapper (clipping,
    data type) are in no state: those of the config hold, and ``IdentityHook`` lists them.

    Args:
        checkpoint: content of the file.
        runner: its optimizer and schedulers are built, and not yet loaded.
        consequences: whether batch, rate or length are already known to differ. Then learning rates
            and the places of schedules are not compared, because they follow from these.
    """
    groups = checkpoint['optimizer'].get('param_groups') or []
    lines = _compare_groups(groups, runner.optim_wrapper.optimizer.param_groups, consequences)
    lines += _compare_scalers(checkpoint['optimizer'], runner.optim_wrapper)
    schedulers = runner.param_schedulers
    states = checkpoint.get('param_schedulers')
    if isinstance(states, list) and isinstance(schedulers, list):
        lines += _compare_schedulers(states, [s.state_dict() for s in schedulers], consequences)
    return lines


def _compare_groups(saved: list[dict], present: list[dict], consequences: bool) -> list[str]:
    """Compare the settings of the groups of parameters: the initial ones of those that change."""
    place = 'optim_wrapper.optimizer and paramwise_cfg'
    if len(saved) != len(present):
        return [
            _line('groups of parameters', place, len(saved), len(present)),
            *(
                _line(
                    key,
                    f'optim_wrapper.optimizer.{key} or paramwise_cfg',
                    _values(saved, key),
                    _values(present, key),
                )
                for key in ('lr', 'weight_decay')
                if _values(saved, key) != _values(present, key)
            ),
        ]
    lines: dict[str, str] = {}
    for old, new in zip(saved, present, strict=True):
        moving = {key.removeprefix('initial_') for key in {**old, **new} if 'initial_' in key}
        left_out = {'params', 'param_names'} | _KERNELS | moving
        if consequences:
            left_out |= {'lr', 'initial_lr'}
        if 'momentum' in moving:  # a schedule of the momentum changes Adam's betas
            left_out.add('betas')
        for key in (old.keys() & new.keys()) - left_out:
            if key not in lines and not _same(old[key], new[key]):
                name = key.removeprefix('initial_')
                lines[key] = _line(
                    name, f'optim_wrapper.optimizer.{name} or paramwise_cfg', old[key], new[key]
                )
    return [lines[key] for key in sorted(lines)]


def _compare_scalers(saved: dict[str, Any], wrapper: Any) -> list[str]:
    """Compare what the loss scalers of AMP do when a gradient is, or is not, finite."""
    old, scaler = saved.get('loss_scaler') or {}, getattr(wrapper, 'loss_scaler', None)
    new = scaler.state_dict() if scaler is not None else {}
    return [
        _line(key, f'optim_wrapper.loss_scale.{key}', old[key], new[key])
        for key in sorted((old.keys() & new.keys()) - _FOUND)
        if not _same(old[key], new[key])
    ]


def _compare_schedulers(saved: list[dict], present: list[dict], consequences: bool) -> list[str]:
    if len(saved) != len(present):
        return [_line('schedules', 'param_scheduler', len(saved), len(present))]
    left_out = _PROGRESS | (_PLACES if consequences else set())
    lines = []
    for index, (old, new) in enumerate(zip(saved, present, strict=True)):
        for key in sorted((old.keys() | new.keys()) - left_out):
            if not _same(old.get(key), new.get(key)):
                setting = f'param_scheduler.{index}.{key}'
                lines.append(_line(key, setting, old.get(key), new.get(key)))
    return lines


def _values(groups: list[dict], key: str) -> list[float]:
    """Return the values that groups of parameters have of a setting."""
    return sorted({group.get(f'initial_{key}', group[key]) for group in groups if key in group})


def _same(saved: Any, present: Any) -> bool:
    """Whether two settings are equal, of numbers up to rounding."""
    if isinstance(saved, list | tuple) and isinstance(present, list | tuple):
        return len(saved) == len(present) and all(map(_same, saved, present))
    if isinstance(saved, int | float) and isinstance(present, int | float):
        return math.isclose(saved, present, rel_tol=1e-6)
    return bool(saved == present)


def _line(name: str, setting: str, saved: object, present: object) -> str:
    return f'{name} ({setting}): {saved} in the file, {present} here'
