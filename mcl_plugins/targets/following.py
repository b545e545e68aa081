"""Moves each EMA when the optimizer has taken a step, in whatever loop the step is taken.

A hook or an overridden ``train_step`` would not do: MMEngine's DDP wrapper and its strategies never
call a model's own ``train_step``, a user's Runner does not have our hooks, and gradient
accumulation and gradient scalers skip steps. Hence one function that PyTorch calls after every step
of every optimizer. It is registered when the first model with an EMA is trained, and looks at the
models that have made a training pass since their last move.

The momentum depends on the training's progress. Under a Runner this is MMEngine's own runtime
information; a loop in Python states it with ``model.set_progress(step, total)``. Where neither is
there, or where weights change without a step of an optimizer that holds them, an error is raised:
an EMA that stands still would not show in the log.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from mmengine.logging import MessageHub
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from .ema import EMA

# Training passes without a step after which it is taken that none will be seen. Gradient
# accumulation over more batches than this is not expected.
PATIENCE = 1000


@dataclass
class _Training:
    """How far the training of an EMA's sources has come.

    Attributes:
        passes: how many training passes were made since the last move.
        versions: sum of the counters of in-place changes of the sources' trained parameters at the
            last training pass; None when they may have changed since.
        progress: what ``set_progress`` was told, for the next step.
        moved_at: MMEngine's iteration of the last move.
    """

    passes: int = 0
    versions: int | None = None
    progress: tuple[int, int] | None = None
    moved_at: int | None = None


# Not an attribute of the EMA: a copy of a model, or one from a pickle, is another training.
_trainings: WeakKeyDictionary[EMA, _Training] = WeakKeyDictionary()


def expect_step(ema: EMA) -> None:
    """Let an EMA move at the next step of the optimizer; called at each training pass.

    Raises:
        RuntimeError: its sources have changed since the last training pass, but no step was seen;
            or no step was seen in ``PATIENCE`` passes.
    """
    _watch_optimizers()
    training = _trainings.setdefault(ema, _Training())
    versions = sum(parameter._version for parameter in _trained(ema))
    changed = training.passes and training.versions not in (None, versions)
    if changed or training.passes >= PATIENCE:
        what = 'The weights changed' if changed else f'{PATIENCE} training passes were made'
        raise RuntimeError(
            f'{what} since the EMA last moved, and no torch.optim optimizer that holds these '
            'parameters took a step. Optimizers of copies of the parameters (partitioned ones) '
            'are not supported: train with an optimizer of the parameters themselves. For passes '
            'that train nothing use torch.no_grad() or model.eval().'
        )
    training.passes, training.versions = training.passes + 1, versions


def set_progress(ema: EMA, step: int, total: int) -> None:
    """State the progress of a loop of one's own, before each step of the optimizer.

    Args:
        ema: the average that the next step moves.
        step: 0-based number of the step.
        total: number of steps of the whole training.

    Raises:
        ValueError: the step is not within the training.
    """
    if not 0 <= step < total:
        raise ValueError(f'step={step} must be at least 0 and less than total={total}.')
    _trainings.setdefault(ema, _Training()).progress = (step, total)


def weights_changed(ema: EMA) -> None:
    """Take note that the sources were loaded or initialised, not trained."""
    if ema in _trainings:
        _trainings[ema].versions = None


@functools.cache
def _watch_optimizers() -> None:
    """Ask PyTorch to report the steps of all optimizers; once for the process."""
    register_optimizer_step_post_hook(_after_step)


def _after_step(optimizer: Optimizer, args: tuple, kwargs: dict[str, Any]) -> None:
    """Move the EMAs that wait for this optimizer."""
    waiting = [entry for entry in _trainings.items() if entry[1].passes]
    held = {id(p) for group in optimizer.param_groups for p in group['params']} if waiting else {}
    for ema, training in waiting:
        trained = [id(parameter) in held for parameter in _trained(ema)]
        if not any(trained):
            continue  # of another model
        if not all(trained):
            raise RuntimeError(
                f'An optimizer holds {sum(trained)} of the {len(trained)} parameters that an EMA '
                'follows. It moves with the steps of one optimizer that holds all of them: use one '
                'optimizer, and call requires_grad_(False) on what is not to be trained.'
            )
        step, total = _progress(training)
        # Fused optimizers learn on the device that a gradient scaler found an infinite gradient.
        ema.update(ema.schedule(step, total), skipped=getattr(optimizer, 'found_inf', None))
        training.passes = 0


def _progress(training: _Training) -> tuple[int, int]:
    """The step that was taken, and the number of all steps.

    Raises:
        RuntimeError: neither ``set_progress`` nor a Runner's training loop says it.
    """
    if training.progress is not None:
        progress, training.progress = training.progress, None
        return progress
    hub = MessageHub.get_current_instance()
    step, total = hub.get_info('iter'), hub.get_info('max_iters')
    running = hub.get_info('loop_stage') == 'train' and step is not None and total is not None
    if not running or step == training.moved_at:
        raise RuntimeError(
            "The EMA's momentum depends on the progress of the training, which is unknown: no "
            'Runner of MMEngine counts the iterations (RuntimeInfoHook does). In a loop of your '
            'own call model.set_progress(step, total) before each optimizer.step().'
        )
    training.moved_at = step
    return step, total


def _trained(ema: EMA) -> list[nn.Parameter]:
    return [parameter for parameter in ema.source_parameters() if parameter.requires_grad]
