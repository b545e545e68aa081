"""Relative position biases of the attention logits over a map of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .fused_bias import align_rows, to_autocast_type
from .position_tables import resize_axis


def decomposed_bias(
    query: Tensor, table_h: Tensor, table_w: Tensor, size: tuple[int, int]
) -> Tensor:
    """Compute the bias q . (h_{i - i'} + w_{j - j'}) of decomposed relative positions.

    See MViTv2, Eq. 4.

    Args:
        query: (N, heads, H W, C), not scaled by 1 / sqrt(C).
        table_h: (2 H - 1, C), a row for each vertical offset between query and key. A table of
            another length is interpolated linearly (as in detectron2's ViTDet).
        table_w: (2 W - 1, C), the same for horizontal offsets.
        size: (H, W), the map in tokens.

    Returns:
        (N, heads, H W, H W).

    Example:
        >>> query = torch.ones(1, 1, 2, 1)  # one row of two tokens
        >>> decomposed_bias(query, torch.zeros(1, 1), torch.tensor([[1.0], [2], [3]]), (1, 2))
        tensor([[[[2., 1.],
                  [3., 2.]]]])
    """
    rows, columns = size
    query = query.unflatten(2, size)
    height = torch.einsum(
        'nahwc,hkc->nahwk', query, _expand_to_pairs(table_h, rows).to(query.dtype)
    )
    width = torch.einsum(
        'nahwc,wkc->nahwk', query, _expand_to_pairs(table_w, columns).to(query.dtype)
    )
    bias = height[..., :, None] + width[..., None, :]  # (N, heads, H, W, H, W)
    return bias.reshape(*bias.shape[:2], rows * columns, rows * columns)


def _expand_to_pairs(table: Tensor, side: int) -> Tensor:
    """Expand (2 n - 1, C), a row per offset, to (side, side, C), a vector per query and key."""
    table = resize_axis(table, 2 * side - 1)
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place[None, :] + side - 1]


class SharedBias(nn.Module):
    """A learned bias for each offset between two tokens of a map, shared by blocks (MIMDet).

    This is BEiT's table without the rows of the class token. It is initialised to zero.

    Args:
        size: (rows, columns) of the map in tokens.
        num_heads: number of heads.

    Example:
        >>> SharedBias(size=(2, 3), num_heads=4)().shape
        torch.Size([4, 6, 6])
    """

    def __init__(self, size: tuple[int, int], num_heads: int) -> None:
        super().__init__()
        self.size = size
        rows, columns = size
        self.relative_position_bias_table = nn.Parameter(
            torch.zeros((2 * rows - 1) * (2 * columns - 1), num_heads)
        )

    def forward(self) -> Tensor:
        """Return the bias of each pair of tokens.

        The table is unfolded into overlapping windows, because the gradient is then a sum of
        slices. Indexing the table would need T^2 indices, and its gradient would add up T^2 rows
        one by one.

        Returns:
            (heads, T, T), by query and key in raster order, with aligned rows. Under autocast it
            has autocast's data type, so both are done once for all blocks.
        """
        rows, columns = self.size
        table = self.relative_position_bias_table.unflatten(0, (2 * rows - 1, 2 * columns - 1))
        # The bias of offset i - k is in row i - k + H - 1. In the flipped table, window H - 1 - i
        # has it at position k.
        pieces = table.flip(0, 1).unfold(0, rows, 1).unfold(1, columns, 1)
        bias = pieces.permute(2, 0, 1, 3, 4).flip(1, 2).flatten(3).flatten(1, 2)
        return align_rows(to_autocast_type(bias))
