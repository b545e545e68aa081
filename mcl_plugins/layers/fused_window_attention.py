"""Swin's attention within windows, computed by a fused kernel."""

from __future__ import annotations

from mmpretrain.models.utils import WindowMSA
from torch import Tensor, nn
from torch.nn import functional as F

from .fused_bias import pad_rows


class FusedWindowAttention(WindowMSA):
    """mmpretrain's attention of a window, with PyTorch's fused kernel; parameters are the same.

    Example:
        >>> import torch
        >>> attention = FusedWindowAttention(8, window_size=(2, 2), num_heads=2)
        >>> attention(torch.zeros(3, 4, 8)).shape
        torch.Size([3, 4, 8])
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute self-attention within windows.

        Args:
            x: (N W, T, D), the T tokens of the W windows of each image.
            mask: (W, T, T), added to the logits; None for no mask.

        Returns:
            (N W, T, D).
        """
        windows = x.shape[0]  # not len(x), which a trace would keep as a number
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind()
        bias = self.relative_position_bias_table[self.relative_position_index]  # (T, T, heads)
        bias = bias.permute(2, 0, 1).contiguous()[None].to(query.dtype)
        if mask is not None:
            bias = bias + mask[:, None].to(query.dtype)  # (W, heads, T, T)
        # Kernels take neither a bias that they had to broadcast, nor rows of any length.
        bias = pad_rows(bias)
        if mask is None:
            bias = bias.expand(windows, -1, -1, -1)
        else:
            bias = bias.repeat(windows // mask.shape[0], 1, 1, 1)
        x = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=bias[..., : x.shape[1]],
            dropout_p=self.attn_drop.p if self.training else 0.0,
            scale=self.scale,
        )
        return self.proj_drop(self.proj(x.transpose(1, 2).flatten(2)))


def use_fused_windows(encoder: nn.Module) -> None:
    """Let all windows of an encoder be :class:`FusedWindowAttention`, with their parameters."""
    for module in encoder.modules():
        if type(module) is WindowMSA:
            module.__class__ = FusedWindowAttention
