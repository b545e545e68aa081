"""Biases of attention logits in the form that fused kernels take without a copy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

ALIGNMENT = 8  # entries; PyTorch's memory-efficient kernel loads rows of a bias in such pieces


def align_rows(bias: Tensor) -> Tensor:
    """Let each row of a bias begin at a multiple of eight entries.

    CUDA's memory-efficient attention needs this. Of another bias PyTorch makes an aligned copy in
    each call, and keeps it for the backward pass: with a bias that twelve blocks share, twelve.

    Args:
        bias: (..., T, T), whose last axis is contiguous.

    Returns:
        The same values, (..., T, T): the bias itself if it is aligned, otherwise a part of a tensor
        with longer rows.

    Example:
        >>> align_rows(torch.zeros(2, 5, 5)).stride()
        (40, 8, 1)
    """
    return bias if is_aligned(bias) else pad_rows(bias)[..., : bias.shape[-1]]


def pad_rows(bias: Tensor) -> Tensor:
    """Add zeros to the rows of a bias up to the next multiple of eight entries.

    Example:
        >>> pad_rows(torch.ones(2, 5, 5)).shape
        torch.Size([2, 5, 8])
    """
    return F.pad(bias, (0, -bias.shape[-1] % ALIGNMENT))


def is_aligned(bias: Tensor) -> bool:
    """Whether CUDA's memory-efficient attention takes a bias as it is.

    Example:
        >>> is_aligned(torch.zeros(2, 5, 5)), is_aligned(torch.zeros(2, 5, 8)[..., :5])
        (False, True)
    """
    *others, last = bias.stride()
    return last == 1 and all(stride % ALIGNMENT == 0 for stride in others)


def to_autocast_type(bias: Tensor) -> Tensor:
    """Convert a bias that blocks share to the type of their queries, once for all of them.

    Example:
        >>> with torch.autocast('cpu', torch.bfloat16):
        ...     to_autocast_type(torch.zeros(2, 5, 5)).dtype
        torch.bfloat16
    """
    device = bias.device.type
    if torch.is_autocast_enabled(device):
        bias = bias.to(torch.get_autocast_dtype(device))
    return bias
