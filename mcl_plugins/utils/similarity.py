"""L2 normalisation for cosine similarity, and the spread of features as a collapse monitor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def l2_normalize(features: Tensor) -> Tensor:
    """L2-normalise vectors in float32 (float64 for float64 input), also under autocast.

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
    """Measure how evenly L2-normalised vectors cover the sphere, to monitor collapse.

    The spread is the standard deviation of a channel over all vectors, averaged over the channels
    and multiplied by sqrt(C). It is 0 if all vectors are equal and 1 if they cover the sphere
    evenly. If the spread of a teacher's features falls towards 0, the teacher collapses.

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
