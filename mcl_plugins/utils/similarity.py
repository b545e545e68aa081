"""Cosine similarity: vectors of length one, and how far they spread."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def l2_normalize(features: Tensor) -> Tensor:
    """Scale vectors to length one, in float32 (float64 stays), also under autocast.

    Args:
        features: (..., C).

    Returns:
        (..., C), each vector divided by its L2 norm.

    Example:
        >>> l2_normalize(torch.tensor([[3.0, 4.0], [0.0, -2.0]]))
        tensor([[ 0.6000,  0.8000],
                [ 0.0000, -1.0000]])
    """
    return F.normalize(features if features.dtype == torch.float64 else features.float(), dim=-1)


@torch.no_grad()
def feature_spread(features: Tensor) -> Tensor:
    """How far L2-normalised vectors spread over the sphere, a monitor of collapse.

    This is the standard deviation of a channel over all vectors, averaged over the channels, times
    sqrt(C). It is 0 when all vectors are the same and 1 when they fill the sphere evenly. A teacher
    whose spread falls towards 0 collapses.

    Args:
        features: (..., C), L2-normalised.

    Returns:
        A scalar without gradient.

    Example:
        >>> same = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
        >>> opposite = torch.tensor([[0.6, 0.8], [-0.6, -0.8]])
        >>> feature_spread(same), feature_spread(opposite)
        (tensor(0.), tensor(0.9899))
    """
    rows = features.flatten(0, -2)
    return rows.std(dim=0, correction=0).mean() * rows.shape[-1] ** 0.5
