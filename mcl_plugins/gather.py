"""Collectives that are the identity when there is one process."""

from __future__ import annotations

import torch
from mmengine.dist import all_gather
from torch import Tensor


@torch.no_grad()
def gather_keys(keys: Tensor) -> Tensor:
    """Concatenate the keys of all processes in rank order, without gradient.

    Args:
        keys: (N, ...), of the same shape on every process.

    Returns:
        (processes * N, ...); rows ``rank * N`` to ``(rank + 1) * N`` are this process's own.
    """
    return torch.cat(all_gather(keys.contiguous()))
