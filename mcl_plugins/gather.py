"""Collectives that are the identity when there is one process."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def world_size() -> int:
    """Number of processes; 1 outside a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Index of this process; 0 outside a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


@torch.no_grad()
def gather_keys(keys: Tensor) -> Tensor:
    """Concatenate the keys of all processes in rank order, without gradient.

    Args:
        keys: (N, ...), of the same shape on every process.

    Returns:
        (processes * N, ...); rows ``rank * N`` to ``(rank + 1) * N`` are this process's own.
    """
    if world_size() == 1:
        return keys
    keys = keys.contiguous()
    gathered = [torch.empty_like(keys) for _ in range(world_size())]
    dist.all_gather(gathered, keys)
    return torch.cat(gathered)
