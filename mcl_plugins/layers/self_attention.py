"""Self-attention of plain vision transformers."""

from __future__ import annotations

from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(MultiheadAttention):
    """mmpretrain's attention, with a backward pass of fewer and smaller operations.

    Queries, keys and values are taken apart in one operation. mmpretrain selects them one by one:
    then each has a gradient with the size of all three, which are filled with zeros and added.

    Example:
        >>> import torch
        >>> SelfAttention(8, 2)(torch.zeros(1, 5, 8)).shape
        torch.Size([1, 5, 8])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute self-attention over tokens (N, T, D)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, self.head_dims))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind()
        query, key = self.place(query, key)
        dropout = self.attn_drop if self.training else 0.0
        x = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        x = self.proj(x.transpose(1, 2).flatten(2))
        return self.out_drop(self.gamma1(self.proj_drop(x)))

    def place(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Encode positions in queries and keys (N, heads, T, width); here nothing is done."""
        return query, key


def use_self_attention(layers: nn.ModuleList) -> None:
    """Let the attention of mmpretrain's blocks be :class:`SelfAttention`, with its parameters."""
    for layer in layers:
        if type(layer.attn) is MultiheadAttention:
            layer.attn.__class__ = SelfAttention
