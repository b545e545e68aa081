"""The attention logits of the class token only."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def class_logits(attention: Any, tokens: Tensor) -> Tensor:
    """Compute the scaled attention logits of the first token's query with every token's key.

    The query is multiplied into the key projection, q . (W t + b) = (W^T q) . t + q . b, so the
    keys are not computed. The cost is O(T D) per head instead of O(T D^2 + T^2 D).

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
        query_bias, key_bias = _biases(attention)
        query = F.linear(tokens[:, 0], query_weight, query_bias).unflatten(-1, (heads, -1))
        query = query.transpose(0, 1) * query.shape[-1] ** -0.5  # (heads, N, C)
        folded = torch.bmm(query, key_weight.unflatten(0, (heads, -1))).transpose(0, 1)
        if key_bias is None:
            return torch.bmm(folded, tokens.mT)
        shift = torch.bmm(query, key_bias.view(heads, -1, 1)).transpose(0, 1)  # (N, heads, 1)
        return torch.baddbmm(shift, folded, tokens.mT)


def _biases(attention: Any) -> tuple[Tensor | None, Tensor | None]:
    """Return the biases of queries and keys; BEiT's keys have no bias."""
    if attention.qkv.bias is None:
        return getattr(attention, 'q_bias', None), None
    query, key, _ = attention.qkv.bias.chunk(3)
    return query, key
