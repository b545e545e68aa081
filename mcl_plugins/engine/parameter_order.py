"""Whether the state of an optimizer is that of the same parameters, in the same order."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import Optimizer

from ..checkpoint.aliases import present_name


def describe_other_order(
    saved: Iterable[str], model: nn.Module, optimizer: Optimizer
) -> str | None:
    """Say that a checkpoint's optimizer has the parameters in another order; None if it has not.

    The state of an optimizer is stored by the number of each parameter, without its name. In files
    of before version 0.2 the averaged copy of MimCo's projectors comes between the projectors. An
    optimizer that has them too (of MMEngine's own constructor, which takes parameters without
    gradient) would give each of them, and of those that follow, the state of another one.

    Args:
        saved: names of the tensors in the checkpoint, in its order.
        model: the model whose parameters the optimizer has.
        optimizer: its state is to be loaded.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> describe_other_order(['0.weight', '0.bias', '1.weight'], model, optimizer)
        >>> describe_other_order(['1.weight', '0.weight', '0.bias'], model, optimizer)
        'parameters: 1.weight in the file where 0.weight is here'
    """
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group['params']}
    here = [name for name, parameter in model.named_parameters() if id(parameter) in trained]
    known = set(here)
    there = [name for name in map(present_name, saved) if name in known]
    for old, new in zip(there, here, strict=False):
        if old != new:
            return f'parameters: {old} in the file where {new} is here'
    return None
