"""Attention over a map of tokens or over windows of it, with relative positions of both kinds."""

from __future__ import annotations

from typing import Literal

import torch
from mmpretrain.models.backbones.vit_sam import window_partition, window_unpartition
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.checks import check_choice


class MapAttention(nn.Module):
    """Multi-head attention of a map's tokens, all of them or those of the same window.

    A window at the border of a map that windows do not tile is filled up with zeros. These are no
    tokens of the image and nobody attends to them, unless ``mask_padding`` is off, as in
    detectron2's ViTDet, where they take part as tokens whose keys and values are the biases.

    Args:
        embed_dims: width D.
        num_heads: number of heads; D must be a multiple of it.
        window_size: side of a window in tokens, 0 for the whole map.
        table_size: (rows, columns) of the map or window for which a table of relative positions is
            learned along each axis (MViTv2's decomposed ones); None for no tables.
        qkv_bias: ``'qkv'`` for a bias of queries, keys and values, ``'qv'`` for none of the keys
            (BEiT).
        mask_padding: keep what windows are filled up with out of the attention.

    Raises:
        ValueError: unknown ``qkv_bias``, or a window or heads that cannot be.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        window_size: int = 0,
        table_size: tuple[int, int] | None = None,
        qkv_bias: Literal['qkv', 'qv'] = 'qkv',
        mask_padding: bool = True,
    ) -> None:
        super().__init__()
        check_choice('qkv_bias', qkv_bias, ('qkv', 'qv'))
        if window_size < 0 or embed_dims % num_heads:
            raise ValueError(
                f'window_size={window_size} must be 0 or more, and embed_dims={embed_dims} a '
                f'multiple of num_heads={num_heads}.'
            )
        self.num_heads, self.window_size, self.mask_padding = num_heads, window_size, mask_padding
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims, bias=qkv_bias == 'qkv')
        self.q_bias = self.v_bias = self.rel_pos_h = self.rel_pos_w = None
        if qkv_bias == 'qv':
            self.q_bias = nn.Parameter(torch.zeros(embed_dims))
            self.v_bias = nn.Parameter(torch.zeros(embed_dims))
        self.proj = nn.Linear(embed_dims, embed_dims)
        if table_size is not None:
            rows, columns = table_size
            self.rel_pos_h = nn.Parameter(torch.zeros(2 * rows - 1, embed_dims // num_heads))
            self.rel_pos_w = nn.Parameter(torch.zeros(2 * columns - 1, embed_dims // num_heads))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            x: (N, H, W, D).
            bias: (heads, T, T) added to the logits, where T is the number of tokens of a window or
                of the map.

        Returns:
            (N, H, W, D).
        """
        if not self.window_size:
            return self._attend(x, bias, None)
        shape = x.shape[1:3]
        windows, padded = window_partition(x, self.window_size)
        absent = None
        if self.mask_padding and tuple(padded) != tuple(shape):
            absent = x.new_ones(1, *shape, 1)
            absent = window_partition(absent, self.window_size)[0].flatten(1) == 0
            absent = absent.repeat(len(x), 1)  # (windows, T)
        return window_unpartition(
            self._attend(windows, bias, absent), self.window_size, padded, shape
        )

    def _attend(self, x: Tensor, bias: Tensor | None, absent: Tensor | None) -> Tensor:
        """(N, H, W, D) maps or windows -> the same; ``absent`` (N, H W) are not looked at."""
        batch, rows, columns, _ = x.shape
        qkv_bias: Tensor | None = self.qkv.bias
        if self.q_bias is not None and self.v_bias is not None:
            qkv_bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        qkv = F.linear(x.flatten(1, 2), self.qkv.weight, qkv_bias)
        q, k, v = qkv.view(batch, rows * columns, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        logits = None if bias is None else bias.to(q.dtype)[None]
        if self.rel_pos_h is not None and self.rel_pos_w is not None:
            own = decomposed_bias(q, self.rel_pos_h, self.rel_pos_w, (rows, columns))
            logits = own if logits is None else own + logits
        if absent is not None:
            logits = q.new_zeros(1, 1, 1, 1) if logits is None else logits
            logits = logits.masked_fill(absent[:, None, None, :], float('-inf'))
        if logits is not None:  # the fused kernels take a whole one
            logits = logits.expand(batch, self.num_heads, q.shape[2], -1)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=logits)
        return self.proj(x.transpose(1, 2).reshape(batch, rows, columns, -1))


def decomposed_bias(query: Tensor, table_h: Tensor, table_w: Tensor, size: tuple) -> Tensor:
    """What relative positions add to the logits: q . (h_{i - i'} + w_{j - j'}) (MViTv2, Eq. 4).

    Args:
        query: (N, heads, H W, C), not scaled.
        table_h: (2 H - 1, C), by offset of the query from the key; one of another size is
            interpolated linearly.
        table_w: (2 W - 1, C), likewise.
        size: (H, W).

    Returns:
        (N, heads, H W, H W).
    """
    rows, columns = size
    query = query.unflatten(2, size)
    height = torch.einsum('nahwc,hkc->nahwk', query, _by_pair(table_h, rows).to(query.dtype))
    width = torch.einsum('nahwc,wkc->nahwk', query, _by_pair(table_w, columns).to(query.dtype))
    bias = height[..., :, None] + width[..., None, :]  # (N, heads, H, W, H, W)
    return bias.reshape(*bias.shape[:2], rows * columns, rows * columns)


def _by_pair(table: Tensor, side: int) -> Tensor:
    """(2 n - 1, C) by offset -> (side, side, C) by query and key."""
    if len(table) != 2 * side - 1:
        table = F.interpolate(table.T[None], size=2 * side - 1, mode='linear')[0].T
    place = torch.arange(side, device=table.device)
    return table[place[:, None] - place[None, :] + side - 1]


class SharedBias(nn.Module):
    """A bias for each offset of two tokens on a map, one table for several blocks (MIMDet).

    BEiT's table without the lines of the class token; it starts at zero.

    Args:
        size: (rows, columns) of the map.
        num_heads: number of heads.
    """

    def __init__(self, size: tuple[int, int], num_heads: int) -> None:
        super().__init__()
        self.size = size
        rows, columns = size
        self.relative_position_bias_table = nn.Parameter(
            torch.zeros((2 * rows - 1) * (2 * columns - 1), num_heads)
        )

    def forward(self) -> Tensor:
        """(heads, T, T), by query and key in raster order; in autocast's type, once for all blocks.

        The table is cut into overlapping pieces, whose gradient is a sum of slices. Looking up each
        of T^2 pairs would need an index of their number, and add them up one by one.
        """
        rows, columns = self.size
        table = self.relative_position_bias_table.unflatten(0, (2 * rows - 1, 2 * columns - 1))
        # An offset i - k is at i - k + H - 1. Backwards, piece H - 1 - i has it at its place k.
        pieces = table.flip(0, 1).unfold(0, rows, 1).unfold(1, columns, 1)
        bias = pieces.permute(2, 0, 1, 3, 4).flip(1, 2).flatten(3).flatten(1, 2)
        device = bias.device.type
        if torch.is_autocast_enabled(device):
            bias = bias.to(torch.get_autocast_dtype(device))
        return bias
