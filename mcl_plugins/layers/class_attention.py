"""The class token's row of an attention map, without the other rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def class_logits(attention: Any, tokens: Tensor) -> Tensor:
    """Scaled scores of the first token's query against every token's key.

    The query is folded into the key projection, q . (W t + b) = (W^T q) . t + q . b, so the keys
    of the tokens are never formed: O(T D) a head instead of O(T D^2 + T^2 D).

    Args:
        attention: the block's attention, mmpretrain's ``MultiheadAttention`` or ``BEiTAttention``.
            A position bias is not added.
        tokens: (N, T, D), normalised as the block does before its attention.

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
        folded = torch.einsum('nhc,hcd->nhd', query, key_weight.unflatten(0, (heads, -1)))
        logits = torch.einsum('nhd,ntd->nht', folded, tokens)
        if key_bias is not None:
            logits = logits + (query * key_bias.unflatten(0, (heads, -1))).sum(-1, keepdim=True)
        return logits * query.shape[-1] ** -0.5


def _biases(attention: Any) -> tuple[Tensor | None, Tensor | None]:
    """Biases of the queries and of the keys; BEiT's keys have none."""
    if attention.qkv.bias is None:
        return getattr(attention, 'q_bias', None), None
    query, key, _ = attention.qkv.bias.chunk(3)
    return query, key
