"""Cosine similarity: normalisation, temperature, and how far features spread."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def l2_normalise(features: Tensor) -> Tensor:
    """Bring vectors (..., C) to length 1, in float32 (float64 stays), also under autocast.

    Example:
        >>> l2_normalise(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """
    return F.normalize(features if features.dtype == torch.float64 else features.float(), dim=-1)


@torch.no_grad()
def feature_spread(features: Tensor) -> Tensor:
    """How far L2-normalised vectors (..., C) spread: 0 if all are equal, 1 if they fill the sphere.

    The standard deviation of a channel over all vectors, averaged over the channels, times
    sqrt(C). A teacher whose spread falls towards 0 collapses.

    Example:
        >>> feature_spread(torch.tensor([[0.6, 0.8], [0.6, 0.8]]))
        tensor(0.)
    """
    rows = features.flatten(0, -2)
    return rows.std(dim=0, correction=0).mean() * rows.shape[-1] ** 0.5


def check_temperature(temperature: float) -> float:
    """Return the temperature, or raise a ValueError unless it is positive."""
    if temperature <= 0:
        raise ValueError(f'temperature={temperature} must be positive, for example 0.1.')
    return temperature
