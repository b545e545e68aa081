"""InfoNCE over given logits, and the figures that tell whether it learns."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def unit(features: Tensor) -> Tensor:
    """L2-normalise the last dimension in float32 (float64 stays), also under autocast."""
    return F.normalize(features if features.dtype == torch.float64 else features.float(), dim=-1)


def info_nce(logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of each query against the index of its positive key.

    Args:
        logits: (Q, K) similarities over temperature.
        target: (Q,) int64, the column of the positive.

    Returns:
        ``loss``; ``top1``, the share of queries whose positive scores highest; ``chance``, ln K:
        the loss of a network that cannot tell the keys apart.
    """
    return {
        'loss': F.cross_entropy(logits, target),
        'top1': (logits.detach().argmax(dim=-1) == target).float().mean(),
        'chance': logits.new_full((), math.log(logits.shape[-1])),
    }


@torch.no_grad()
def feature_spread(features: Tensor) -> Tensor:
    """How far unit vectors (..., C) spread: 0 when all are the same, 1 when they fill the sphere.

    The standard deviation of a channel over all vectors, averaged over the channels, times
    sqrt(C). A teacher whose spread falls towards 0 collapses.
    """
    rows = features.flatten(0, -2)
    return rows.std(dim=0).mean() * rows.shape[-1] ** 0.5
