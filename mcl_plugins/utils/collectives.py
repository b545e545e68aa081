"""Collectives over all processes; with one process they return their input."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor
from torch import distributed as dist
from torch.distributed.nn import functional as collectives


@torch.no_grad()
def gather_keys(keys: Tensor) -> Tensor:
    """Concatenate the keys of all processes in rank order, without gradient.

    Args:
        keys: (N, ...), of the same shape on every process.

    Returns:
        (processes * N, ...); the rows of this process are ``rank * N`` to ``(rank + 1) * N``.

    Example:
        >>> gather_keys(torch.ones(2, 3)).shape  # one process
        torch.Size([2, 3])
    """
    return keys.detach() if get_world_size() == 1 else _gather(keys)


def _gather(rows: Tensor) -> Tensor:
    """Gather rows into one tensor: one operation, however many processes there are."""
    gathered = rows.new_empty(get_world_size() * len(rows), *rows.shape[1:])
    dist.all_gather_into_tensor(gathered, rows.contiguous())
    return gathered


def own_ids(rows: Tensor) -> Tensor:
    """Return the indices of this process's N rows in the result of :func:`gather_keys`.

    Args:
        rows: (N, ...), of the same shape on every process.

    Returns:
        (N,) int64.

    Example:
        >>> own_ids(torch.ones(2, 3))  # one process
        tensor([0, 1])
    """
    return torch.arange(len(rows), device=rows.device) + get_rank() * len(rows)


def gather_with_gradient(features: Tensor) -> Tensor:
    """Concatenate features as :func:`gather_keys` does, with gradients to the process of each row.

    Example:
        >>> features = torch.ones(2, 3, requires_grad=True)
        >>> gather_with_gradient(features).requires_grad
        True
    """
    return features if get_world_size() == 1 else _GatherWithGradient.apply(features)


class _GatherWithGradient(torch.autograd.Function):
    """Gather rows, whose gradient is the sum of those of all processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        return _gather(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        own = gradient.new_empty(len(gradient) // get_world_size(), *gradient.shape[1:])
        dist.reduce_scatter_tensor(own, gradient.contiguous())
        return own


def sum_with_gradient(values: Tensor) -> Tensor:
    """Sum a tensor over all processes; its gradient is summed over all processes, too.

    Example:
        >>> sum_with_gradient(torch.tensor([1.0, 2.0]))  # one process
        tensor([1., 2.])
    """
    return values if get_world_size() == 1 else collectives.all_reduce(values)
