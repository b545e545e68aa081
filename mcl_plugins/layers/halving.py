"""Max-pooling of a map to half its size, for maps of any size."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def halve(x: Tensor) -> Tensor:
    """Max-pool 2 x 2 positions; a side of one position cannot be halved and stays.

    The smallest images of a data set, at the smallest scale of test-time augmentation, are no wider
    than one patch.

    Args:
        x: (N, C, H, W).

    Returns:
        (N, C, max(1, H // 2), max(1, W // 2)).

    Example:
        >>> import torch
        >>> halve(torch.zeros(1, 8, 1, 5)).shape
        torch.Size([1, 8, 1, 2])
    """
    rows, columns = x.shape[-2:]
    return F.max_pool2d(x, (min(rows, 2), min(columns, 2)))


class Halve(nn.Module):
    """:func:`halve` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, max(1, H // 2), max(1, W // 2))."""
        return halve(x)
