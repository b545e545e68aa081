"""Attention over a map of tokens or within its windows, and the transformer block of it."""

from __future__ import annotations

from typing import Any, Literal

import torch
from mmcv.cnn.bricks import DropPath
from mmcv.cnn.bricks.transformer import FFN
from mmpretrain.models.backbones.vit_sam import window_partition, window_unpartition
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.checks import check_choice, check_num_heads
from .position_bias import decomposed_bias
from .rows import join_heads, split_heads, use_row_sequentials


class MapAttention(nn.Module):
    """Multi-head attention over all tokens of a map, or over those of the same window.

    If the map is not a multiple of the window, the windows at its border are padded with zeros. The
    padding is not part of the image, so it is masked in the attention. In detectron2's ViTDet
    tokens do attend to the padding, whose keys and values are the biases of the projections; set
    ``mask_padding=False`` for that.

    Args:
        embed_dims: width D.
        num_heads: number of heads; D must be a multiple of it.
        window_size: side of a window in tokens, 0 for the whole map.
        table_size: (rows, columns) of the map or window for which decomposed relative positions are
            learned, one table per axis (MViTv2); None for no tables.
        qkv_bias: ``'qkv'`` for biases of queries, keys and values; ``'qv'`` for no bias of the keys
            (BEiT).
        mask_padding: whether the padding of windows is masked in the attention.

    Raises:
        ValueError: ``qkv_bias`` is unknown, ``window_size`` is negative, or ``embed_dims`` is not a
            multiple of ``num_heads``.

    Example:
        >>> attention = MapAttention(embed_dims=8, num_heads=2, window_size=2, table_size=(2, 2))
        >>> attention(torch.zeros(1, 4, 6, 8)).shape
        torch.Size([1, 4, 6, 8])
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
        check_num_heads(embed_dims, num_heads)
        if window_size < 0:
            raise ValueError(f'window_size={window_size} must be 0 or more; 0 is the whole map.')
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
        """Compute self-attention over the map or within each window.

        Args:
            x: (N, H, W, D).
            bias: (heads, T, T), added to the logits; T is the number of tokens of a window, or of
                the map.

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
        """(N, H, W, D) -> the same; tokens in ``absent``, (N, H W) bool, are masked as keys."""
        batch, rows, columns, _ = x.shape
        qkv_bias: Tensor | None = self.qkv.bias
        if self.q_bias is not None and self.v_bias is not None:
            qkv_bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        qkv = F.linear(x.flatten(0, 2), self.qkv.weight, qkv_bias)
        q, k, v = split_heads(qkv, (batch, rows * columns), self.num_heads)
        logits = None if bias is None else bias.to(q.dtype)[None]
        if self.rel_pos_h is not None and self.rel_pos_w is not None:
            own = decomposed_bias(q, self.rel_pos_h, self.rel_pos_w, (rows, columns))
            logits = own if logits is None else own + logits
        if absent is not None:
            logits = q.new_zeros(1, 1, 1, 1) if logits is None else logits
            logits = logits.masked_fill(absent[:, None, None, :], float('-inf'))
        if logits is not None:  # fused kernels do not broadcast a bias
            logits = logits.expand(batch, self.num_heads, q.shape[2], -1)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=logits)
        return self.proj(join_heads(mixed)).view(x.shape)


class MapBlock(nn.Module):
    """A transformer block for maps (N, H, W, D), with the parameter names of this package's ViTs.

    Args:
        embed_dims: width D.
        num_heads: heads of the attention.
        feedforward_channels: width of the feed-forward layer.
        drop_path_rate: probability to drop a residual branch of an image (stochastic depth).
        layer_scale: initial value of the learned factors on both residual branches; 0 for no
            factors.
        **attention: the other arguments of :class:`MapAttention`.

    Example:
        >>> block = MapBlock(embed_dims=8, num_heads=2, feedforward_channels=16, window_size=2)
        >>> block(torch.zeros(1, 4, 6, 8)).shape
        torch.Size([1, 4, 6, 8])
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        feedforward_channels: int,
        drop_path_rate: float = 0.0,
        layer_scale: float = 0.0,
        **attention: Any,
    ) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attn = MapAttention(embed_dims, num_heads, **attention)
        self.ln2 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.ffn = FFN(
            embed_dims, feedforward_channels, act_cfg=dict(type='GELU'), add_identity=False
        )
        use_row_sequentials(self)
        self.drop_path = DropPath(drop_path_rate)
        self.gamma_1 = self.gamma_2 = None
        if layer_scale:
            self.gamma_1 = nn.Parameter(torch.full((embed_dims,), layer_scale))
            self.gamma_2 = nn.Parameter(torch.full((embed_dims,), layer_scale))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """(N, H, W, D) -> the same; ``bias`` (heads, T, T) is added to the attention's logits."""
        mixed = self.attn(self.ln1(x), bias)
        x = x + self.drop_path(mixed if self.gamma_1 is None else self.gamma_1 * mixed)
        changed = self.ffn(self.ln2(x))
        return x + self.drop_path(changed if self.gamma_2 is None else self.gamma_2 * changed)
