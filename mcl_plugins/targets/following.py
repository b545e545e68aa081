"""Updates each EMA after the optimizer of its sources took a step, in any kind of training loop.

A hook or an overridden ``train_step`` is not enough. MMEngine's DDP wrapper and its strategies do
not call a model's own ``train_step``, the Runner of a user does not have the hooks of this package,
and with gradient accumulation or a gradient scaler not every iteration is a step. So this module
registers one function that PyTorch calls after each step of each optimizer. It is registered when
the first model with an EMA is trained. The function updates the EMAs of the models that computed a
training loss since their last update.

The momentum depends on the progress of the training. Under a Runner, MMEngine's runtime information
(``MessageHub``) has it; a loop in Python passes it with ``model.set_progress(step, total)``. An
error is raised if neither is available, if the weights change without a step of an optimizer that
holds them, or if ``PATIENCE`` training passes are made without such a step. Otherwise the EMA would
keep its initial weights, and the log would not show it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from mmengine.logging import MessageHub
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from ..utils.sharded import local_part
from .ema import EMA

# So many training passes without a step of the optimizer are an error: gradient accumulation over
# more batches is not expected.
PATIENCE = 1000


@dataclass
class _Training:
    """State of the training of an EMA's sources.

    Attributes:
        passes: number of training losses that were computed since the last update of the EMA.
        versions: sum of PyTorch's version counters of the sources' trained parameters (they count
            in-place changes) at the last training loss; None if something other than an optimizer
            changed the parameters since.
        progress: (step, total) from ``set_progress``, for the next step.
        moved_at: MMEngine's iteration at the last update.
        moved: whether there was an update.
        vectors: until then, copies of the sources' vectors (norms, biases) at the last training
            loss. Partitioned optimizers write weights in a way that the counters do not see.
    """

    passes: int = 0
    versions: int | None = None
    progress: tuple[int, int] | None = None
    moved_at: int | None = None
    moved: bool = False
    vectors: dict[nn.Parameter, Tensor] | None = None


# Not an attribute of the EMA, because copies and unpickled models must not share or inherit it.
_trainings: WeakKeyDictionary[EMA, _Training] = WeakKeyDictionary()


@torch.compiler.disable  # bookkeeping, of Python objects
def expect_step(ema: EMA) -> None:
    """Update an EMA after the next step of the optimizer; called when a training loss is computed.

    Raises:
        RuntimeError: the sources changed since the last training loss, but no optimizer that holds
            them took a step; or there was no step in ``PATIENCE`` training passes.
    """
    _watch_optimizers()
    training = _trainings.setdefault(ema, _Training())
    versions = sum(parameter._version for parameter in _trained(ema))
    changed = training.passes and training.versions not in (None, versions)
    if not training.moved:
        changed = _vectors_changed(ema, training) or changed
    if changed or training.passes >= PATIENCE:
        what = 'The weights changed' if changed else f'{PATIENCE} training passes were made'
        raise RuntimeError(
            f'{what} since the EMA was last updated, but no torch.optim optimizer that holds these '
            'parameters took a step. Optimizers that hold copies of the parameters (ZeRO, float16 '
            'or bfloat16 of DeepSpeed and ColossalAI) are not supported: use an optimizer of the '
            "model's own parameters. For forward passes without training, use torch.no_grad() or "
            'model.eval().'
        )
    training.passes, training.versions = training.passes + 1, versions


def set_progress(ema: EMA, step: int, total: int) -> None:
    """Store the progress of a training loop without Runner, before each step of the optimizer.

    Args:
        ema: the average that is updated after the step.
        step: number of the step, counted from 0.
        total: number of steps of the whole training.

    Raises:
        ValueError: ``step`` is negative, or not less than ``total``.
    """
    if not 0 <= step < total:
        raise ValueError(f'step={step} must be at least 0 and less than total={total}.')
    _trainings.setdefault(ema, _Training()).progress = (step, total)


def weights_changed(ema: EMA) -> None:
    """Record that the sources were loaded or initialised, so that their change is no error."""
    if ema in _trainings:
        _trainings[ema].versions = _trainings[ema].vectors = None


@functools.cache
def _watch_optimizers() -> None:
    """Register :func:`_after_step` with PyTorch for all optimizers, once per process."""
    register_optimizer_step_post_hook(_after_step)


def _after_step(optimizer: Optimizer, args: tuple, kwargs: dict[str, Any]) -> None:
    """Update the EMAs that are waiting for a step of this optimizer."""
    waiting = [entry for entry in _trainings.items() if entry[1].passes]
    held = {id(p) for group in optimizer.param_groups for p in group['params']} if waiting else {}
    for ema, training in waiting:
        trained = [id(parameter) in held for parameter in _trained(ema)]
        if not any(trained):
            continue  # the optimizer belongs to another model
        if not all(trained):
            raise RuntimeError(
                f'The optimizer holds {sum(trained)} of the {len(trained)} trained parameters that '
                'an EMA averages. An EMA is updated after the steps of one optimizer that holds '
                'all of them: use one optimizer, and call requires_grad_(False) on parameters that '
                'should not be trained. ZeroRedundancyOptimizer divides them among the processes: '
                'use AdamW, and sharding=True of mcl_plugins.Runner to save memory.'
            )
        step, total = _progress(training)
        # A fused optimizer gets the gradient scaler's flag as a tensor on the device.
        ema.update(ema.schedule(step, total), skipped=getattr(optimizer, 'found_inf', None))
        training.passes, training.moved, training.vectors = 0, True, None


def _progress(training: _Training) -> tuple[int, int]:
    """Return the number of the step that was taken and the number of all steps.

    Raises:
        RuntimeError: neither ``set_progress`` was called nor does a Runner count the iterations.
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
            'Runner with a RuntimeInfoHook counts the iterations. In your own training loop, call '
            'model.set_progress(step, total) before each optimizer.step().'
        )
    training.moved_at = step
    return step, total


def _vectors_changed(ema: EMA, training: _Training) -> bool:
    """Compare the sources' vectors with those at the last training loss, and keep copies of them.

    A model that was moved to another device or data type in between is not compared.
    """
    before = training.vectors or {}
    vectors = {p: local_part(p.detach()).clone() for p in _trained(ema) if p.ndim == 1}
    training.vectors = vectors
    pairs = [(old, vectors[p]) for p, old in before.items() if p in vectors]
    return any(
        not torch.equal(old, new)
        for old, new in pairs
        if (old.device, old.dtype) == (new.device, new.dtype)
    )


def _trained(ema: EMA) -> list[nn.Parameter]:
    return [parameter for parameter in ema.source_parameters() if parameter.requires_grad]
