"""Whether a step is finite: its loss, its gradient and the buffers, on all processes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from torch import Tensor
from torch.nn.utils import get_total_norm

# The columns of a verdict. An overflow is a gradient that a gradient scaler made too large: the
# scaler skips the step and takes a smaller scale, as it is meant to.
LOSS, GRADIENT, BUFFER, OVERFLOW = range(4)


@torch.no_grad()
def judge(
    losses: Sequence[Tensor],
    gradients: Sequence[Tensor],
    buffers: Iterable[Tensor],
    device: torch.device,
    scaled: bool = False,
) -> Tensor:
    """Judge a step on the device, without waiting for it.

    Args:
        losses: the loss of each pass since the last step.
        gradients: the gradients that the optimizer is about to use.
        buffers: the buffers of the model; only those of floating point are looked at.
        device: where the verdict is computed.
        scaled: whether a gradient scaler decides about the gradients.

    Returns:
        (processes, 4) of ones and zeros, equal on all processes: whether loss, norm of the
        gradient and buffers of a process are *not* finite, and whether its scaled gradient is not.

    Example:
        >>> device = torch.device('cpu')
        >>> judge([torch.tensor(0.5)], [torch.tensor([torch.nan])], [], device)
        tensor([[0., 1., 0., 0.]])
    """
    real = [buffer for buffer in buffers if buffer.is_floating_point() and buffer.numel()]
    gradient = is_bad(get_total_norm(gradients), device)
    row = [
        torch.stack([is_bad(loss, device) for loss in losses]).any()
        if losses
        else torch.zeros((), dtype=torch.bool, device=device),
        torch.zeros_like(gradient) if scaled else gradient,
        is_bad(get_total_norm(real, norm_type=math.inf), device),
        gradient if scaled else torch.zeros_like(gradient),
    ]
    flags = torch.zeros(get_world_size(), len(row), device=device)
    flags[get_rank()] = torch.stack(row).float()
    all_reduce(flags, 'max')
    return flags


def is_bad(value: Tensor, device: torch.device) -> Tensor:
    """Return whether a number is infinite or NaN, as a truth value on the device."""
    return ~value.to(device).isfinite().all()


def bad_ranks(verdict: Tensor, column: int) -> list[int]:
    """Return the ranks of the processes of which a column says that it is not finite.

    Example:
        >>> bad_ranks(torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0]]), LOSS)
        [1]
    """
    return [rank for rank, flag in enumerate(verdict[:, column].tolist()) if flag]
