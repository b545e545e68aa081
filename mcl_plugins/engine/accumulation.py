"""The part of the Runner that knows that a step may take several batches."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.model import BaseAveragedModel
from mmengine.runner import Runner
from torch import distributed as dist
from torch import nn

from ..utils.sharded import is_divided, whole_tensor
from .unwrap import unwrapped_model
from .wrappers import is_single, waits_for_step

KEY = 'gradients'  # of a checkpoint: for each process, gradient by parameter's name


class AccumulationRunner(Runner):
    """MMEngine's Runner, whose checkpoints are complete also between two optimizer steps.

    An epoch, or the interval of the checkpoints, need not end with a step of the optimizer if
    gradients are accumulated. MMEngine loses the gradients of the batches since the last step.
    Averages of weights move once for each step, also those of mmpretrain's methods.
    """

    _gradients: list[dict[str, torch.Tensor]] | None = None

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint, with the gradients of all processes if no step has used them yet."""
        if waits_for_step(self.optim_wrapper):
            self._gradients = gather_gradients(unwrapped_model(self))
        super().save_checkpoint(*args, **kwargs)
        self._gradients = None

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks; the gradients go into a checkpoint and come out of it here."""
        if fn_name == 'before_train' and is_single(self.optim_wrapper):
            move_averages_with_steps(self.model, self.optim_wrapper._accumulative_counts)
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'before_save_checkpoint' and self._gradients is not None:
            kwargs['checkpoint'][KEY] = self._gradients
        elif fn_name == 'after_load_checkpoint' and self._resume:
            restore_gradients(unwrapped_model(self), kwargs['checkpoint'].get(KEY))


def move_averages_with_steps(model: nn.Module, batches: int) -> None:
    """Let MMEngine's averages inside a model move once for each step of the optimizer.

    mmpretrain's MoCo, MoCo v3 and BYOL move theirs in each forward pass, so that with n batches for
    a step its momentum is m^n. An average counts the passes in a buffer, which checkpoints have.

    Args:
        model: the model that is trained.
        batches: batches of a step.
    """
    for part in model.modules():
        if isinstance(part, BaseAveragedModel) and part.interval == 1:
            part.interval = batches


def gather_gradients(model: nn.Module) -> list[dict[str, torch.Tensor]] | None:
    """Return the gradients of each process, on the CPU; None except in the first process.

    Those of a divided model are means over the processes already, and the same for all.
    """
    gradients = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    own = {name: whole_tensor(gradient).cpu() for name, gradient in gradients.items()}
    if get_world_size() == 1 or any(map(is_divided, gradients.values())):
        return [own]
    found: list[Any] | None = [None] * get_world_size() if is_main_process() else None
    dist.gather_object(own, found)
    return found


def restore_gradients(model: nn.Module, saved: list[dict[str, torch.Tensor]] | None) -> None:
    """Set the gradients of this process.

    With another number of processes than at saving, each gets the mean, which is what the mean over
    processes at the next step makes of it.
    """
    if not saved:
        return
    parameters = dict(model.named_parameters())
    if len(saved) == get_world_size():
        own = saved[get_rank()]
    else:
        own = {name: torch.stack([part[name] for part in saved]).mean(0) for name in saved[0]}
    for name, gradient in own.items():
        parameters[name].grad = gradient.to(parameters[name].device)
