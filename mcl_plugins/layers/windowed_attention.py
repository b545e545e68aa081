"""Attention over a map of tokens or within windows of it, and the block around it."""

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


class MapAttention(nn.Module):
    """Multi-head attention of a map's tokens, all of them or those of the same window.

    If windows do not tile the map, those at its border are padded with zeros. The padding is not
    part of the image, so no token attends to it. detectron2's ViTDet lets tokens attend to it, as
    to tokens whose keys and values are the biases: ``mask_padding=False``.

    Args:
        embed_dims: width D.
        num_heads: number of heads; D must be a multiple of it.
        window_size: side of a window in tokens, 0 for the whole map.
        table_size: (rows, columns) of the map or window for which a table of relative positions is
            learned along each axis (MViTv2's decomposed ones); None for no tables.
        qkv_bias: ``'qkv'`` for a bias of queries, keys and values, ``'qv'`` for none of the keys
            (BEiT).
        mask_padding: let no token attend to the padding of a window.

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
        """Attend to the tokens of the map, or of the window.

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
        """(N, H, W, D) -> the same; no token attends to those in ``absent``, (N, H W) bool."""
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
        if logits is not None:  # fused kernels take no broadcast bias
            logits = logits.expand(batch, self.num_heads, q.shape[2], -1)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=logits)
        return self.proj(x.transpose(1, 2).reshape(batch, rows, columns, -1))


class MapBlock(nn.Module):
    """A transformer block for maps (N, H, W, D), with the parameter names of our ViTs.

    Args:
        embed_dims: width D.
        num_heads: heads of the attention.
        feedforward_channels: width of the feed-forward layer.
        drop_path_rate: stochastic depth of both branches, per image.
        layer_scale: initial value of the learned factors of both branches; 0 for none.
        **attention: the other arguments of :class:`MapAttention`.
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
