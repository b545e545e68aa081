"""Collectives over all processes; with one process they change nothing."""

from __future__ import annotations

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from torch import Tensor
from torch.distributed.nn import functional as collectives


@torch.no_grad()
def gather_keys(keys: Tensor) -> Tensor:
    """Concatenate the keys of all processes in rank order, without gradient.

    Args:
        keys: (N, ...), of the same shape on every process.

    Returns:
        (processes * N, ...); rows ``rank * N`` to ``(rank + 1) * N`` are this process's own.

    Example:
        >>> gather_keys(torch.ones(2, 3)).shape  # one process
        torch.Size([2, 3])
    """
    return torch.cat(all_gather(keys.contiguous()))


def own_ids(rows: Tensor) -> Tensor:
    """(N,) int64: the rows of :func:`gather_keys`'s result that are this process's own N rows.

    Example:
        >>> own_ids(torch.ones(2, 3))  # one process
        tensor([0, 1])
    """
    return torch.arange(len(rows), device=rows.device) + get_rank() * len(rows)


def gather_with_gradient(features: Tensor) -> Tensor:
    """As :func:`gather_keys`, with gradients that flow back to the process of each row."""
    if get_world_size() == 1:
        return features
    return torch.cat(collectives.all_gather(features.contiguous()))


def sum_with_gradient(values: Tensor) -> Tensor:
    """Add up a tensor over all processes; the gradient of the sum is added up as well."""
    return values if get_world_size() == 1 else collectives.all_reduce(values)
