"""Linear layers of tokens, computed over the rows of one matrix.

A linear layer makes a matrix of a batch of tokens, multiplies it and gives it its shape again, and
undoes both in the backward pass. Here the matrix is kept from one layer to the next. It gets its
shape again by ``view``, because exports keep the sizes of an ``unflatten`` as numbers. All sizes
are named, because PyTorch cannot infer one (-1) of a batch without images.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.cnn.bricks.transformer import FFN
from mmengine.model import Sequential
from torch import Tensor, nn


class RowSequential(Sequential):
    """Layers that act on the last axis only, which share one matrix of rows.

    Example:
        >>> import torch
        >>> RowSequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4))(torch.zeros(2, 5, 8)).shape
        torch.Size([2, 5, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., C)."""
        rows = super().forward(x.flatten(0, -2))
        return rows.view(*x.shape[:-1], rows.shape[-1])


def use_row_sequentials(model: nn.Module) -> None:
    """Let the feed-forward layers of a model's blocks be :class:`RowSequential`."""
    for module in model.modules():
        if type(module) is FFN:
            module.layers.__class__ = RowSequential


def split_heads(rows: Tensor, shape: Sequence[int], heads: int) -> tuple[Tensor, ...]:
    """Take queries, keys and values apart, in one operation.

    Taken one by one, each would have a gradient with the size of all three, which are filled with
    zeros and added.

    Args:
        rows: (N T, 3 D).
        shape: (N, T).
        heads: number of heads.

    Returns:
        Three tensors (N, heads, T, D / heads).
    """
    parts = rows.view(*shape, 3, heads, rows.shape[1] // (3 * heads))
    return parts.permute(2, 0, 3, 1, 4).unbind()


def join_heads(x: Tensor) -> Tensor:
    """Put the heads' outputs (N, heads, T, C) beside each other: (N T, heads C)."""
    return x.transpose(1, 2).reshape(-1, x.shape[1] * x.shape[3])
