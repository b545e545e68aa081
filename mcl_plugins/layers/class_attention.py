"""The attention logits of the class token only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def class_logits(attention: Any, tokens: Tensor) -> Tensor:
    """Compute the scaled attention logits of the first token's query with every token's key.

    The query is multiplied into the key projection, q . W t = (W^T q) . t, so the keys are not
    computed. The cost is O(T D) per head instead of O(T D^2 + T^2 D). The keys' bias is left out:
    it adds the same number to all logits of a query, which changes neither softmax nor order.

    Args:
        attention: the block's attention, mmpretrain's ``MultiheadAttention`` or ``BEiTAttention``.
            A position bias is not added.
        tokens: (N, T, D), after the block's first layer norm.

    Returns:
        (N, heads, T), float32 (float64 for float64 weights), also under autocast.

    Example:
        >>> from mmpretrain.models.utils import MultiheadAttention
        >>> class_logits(MultiheadAttention(embed_dims=8, num_heads=2), torch.zeros(1, 5, 8)).shape
        torch.Size([1, 2, 5])
    """
    heads = attention.num_heads
    with torch.autocast(tokens.device.type, enabled=False):
        query_weight, key_weight, _ = attention.qkv.weight.chunk(3)
        tokens = tokens.to(query_weight.dtype)
        query = F.linear(tokens[:, 0], query_weight, _query_bias(attention))
        query = query.unflatten(-1, (heads, -1)).transpose(0, 1)  # (heads, N, C)
        query = query * query.shape[-1] ** -0.5
        folded = torch.bmm(query, key_weight.unflatten(0, (heads, -1))).transpose(0, 1)
        return torch.bmm(folded, tokens.mT)


def _query_bias(attention: Any) -> Tensor | None:
    if attention.qkv.bias is None:
        return getattr(attention, 'q_bias', None)  # BEiT's
    return attention.qkv.bias[: attention.embed_dims]
