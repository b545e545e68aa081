"""Self-attention of plain vision transformers."""

from __future__ import annotations

from collections.abc import Sequence

from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor
from torch.nn import functional as F

from .rows import join_heads, split_heads


class SelfAttention(MultiheadAttention):
    """mmpretrain's attention, with fewer and smaller operations.

    Example:
        >>> import torch
        >>> SelfAttention(8, 2)(torch.zeros(1, 5, 8)).shape
        torch.Size([1, 5, 8])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute self-attention over tokens (N, T, D)."""
        mixed = self.mix(x.flatten(0, 1), x.shape[:2])
        return self.out_drop(mixed.view(*x.shape[:2], self.embed_dims))

    def mix(self, rows: Tensor, shape: Sequence[int]) -> Tensor:
        """Compute self-attention, without drop path, over the rows (N T, D) of (N, T) tokens."""
        query, key, value = split_heads(self.qkv(rows), shape, self.num_heads)
        query, key = self.place(query, key)
        dropout = self.attn_drop if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return self.gamma1(self.proj_drop(self.proj(join_heads(mixed))))

    def place(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Encode positions in queries and keys (N, heads, T, width); here nothing is done."""
        return query, key
