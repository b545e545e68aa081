"""Swin's shifted window attention on PyTorch's fused kernel."""

from __future__ import annotations

import functools
from typing import Any

import torch
from mmpretrain.models.utils import ShiftWindowMSA, WindowMSA
from torch import Tensor
from torch.nn import functional as F


class FusedWindowMSA(WindowMSA):
    """mmpretrain's window attention on the fused kernel; same parameters, same numbers."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend within windows.

        Args:
            x: (N W, T, D), the T tokens of W windows of each image.
            mask: (W, T, T), added to the logits of each window; None for the same for all.

        Returns:
            (N W, T, D).
        """
        tokens = x.shape[1]
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias = bias.view(tokens, tokens, -1).permute(2, 0, 1)  # (heads, T, T)
        if mask is not None:
            # Windows and heads side by side: one bias serves all images.
            bias = (bias + mask[:, None]).flatten(0, 1)  # (W heads, T, T)
            qkv = qkv.reshape(3, -1, len(bias), *qkv.shape[3:])
        # Contiguous: CUDA's fused kernels refuse a bias of another layout.
        bias = bias.to(qkv.dtype).contiguous()[None]
        dropout = self.attn_drop.p if self.training else 0.0
        q, k, v = qkv.unbind()
        x = F.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, dropout_p=dropout, scale=self.scale
        )
        x = x.unflatten(1, (-1, self.num_heads)).flatten(0, 1) if mask is not None else x
        return self.proj_drop(self.proj(x.transpose(1, 2).flatten(2)))


class FusedShiftWindowMSA(ShiftWindowMSA):
    """mmpretrain's shifted window attention, which makes the mask of a map size once."""

    @staticmethod
    @functools.lru_cache(maxsize=64)
    def get_attn_mask(*args: Any, **kwargs: Any) -> Tensor | None:
        """(W, T, T): minus 100 between tokens that the shift brought together, otherwise 0."""
        with torch.inference_mode(False):  # it may serve in training later
            return ShiftWindowMSA.get_attn_mask(*args, **kwargs)


def fuse_window_attention(attention: ShiftWindowMSA) -> None:
    """Let an attention that mmpretrain built use the classes above."""
    attention.__class__ = FusedShiftWindowMSA
    attention.w_msa.__class__ = FusedWindowMSA
