"""Numbers that show how features, weights and images are, as functions of tensors."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn

from ...utils.sharded import local_part
from ...utils.similarity import l2_normalize

MOST_ROWS = 512  # feature vectors of which the rank is computed
_PER_TENSOR = 1024  # weights of each tensor that are looked at


@torch.no_grad()
def effective_rank(features: Tensor) -> Tensor:
    """Compute the effective rank of L2-normalised features (RankMe; Garrido et al., ICML 2023).

    It is exp of the entropy of the singular values, divided by their sum (Eq. 1): 1 if all features
    are equal, and at most the smaller one of their number and dimension.

    Args:
        features: (..., C); of more than :data:`MOST_ROWS` vectors, evenly spaced ones count.

    Returns:
        A scalar without gradient.

    Example:
        >>> effective_rank(torch.eye(4)), effective_rank(torch.ones(4, 8))
        (tensor(4.0000), tensor(1.0000))
    """
    rows = l2_normalize(features.detach()).flatten(0, -2)
    rows = rows[:: math.ceil(len(rows) / MOST_ROWS)]
    # PyTorch refuses rows that are not finite, of which the guard of the step tells more.
    values = torch.linalg.svdvals(rows.nan_to_num())
    shares = values / values.sum().clamp_min(1e-12) + 1e-7
    return (-(shares * shares.log()).sum()).exp()


@torch.no_grad()
def relative_distance(parameters: Iterable[Tensor], others: Iterable[Tensor]) -> Tensor:
    """Compute the distance of two lists of tensors, relative to the length of the second.

    Of tensors that are divided among processes it is that of the parts of this process.

    Example:
        >>> relative_distance([torch.tensor([3.0, 4.0])], [torch.tensor([0.0, 4.0])])
        tensor(0.7500)
    """
    squares = [
        ((own - other).square().sum(), other.square().sum())
        for own, other in zip(map(local_part, parameters), map(local_part, others), strict=True)
    ]
    distance, length = (torch.stack(part).sum() for part in zip(*squares, strict=True))
    return (distance / length.clamp_min(1e-12)).sqrt()


@torch.no_grad()
def sample_weights(model: nn.Module) -> Tensor:
    """Copy the first weights of each trained matrix of a model, or of this process's part of it.

    Returns:
        (weights,) float32.

    Example:
        >>> sample_weights(nn.Linear(2, 2)).shape  # without the bias
        torch.Size([4])
    """
    parts = [
        local_part(parameter.detach()).flatten()[:_PER_TENSOR].float()
        for parameter in model.parameters()
        if parameter.requires_grad and parameter.ndim > 1
    ]
    return torch.cat(parts) if parts else torch.zeros(0)


def lowest_loss(temperature: float, negatives: int) -> float:
    """Return the lowest InfoNCE that cosines allow: 1 to the positive, -1 to all negatives.

    Args:
        temperature: tau.
        negatives: of each query.

    Example:
        >>> round(lowest_loss(temperature=1.0, negatives=15), 3)  # ln(1 + 15 exp(-2))
        1.109
    """
    return math.log1p(negatives * math.exp(-2 / temperature))


def remaining_share(start: float, end: float, steps: float) -> float:
    """Return the share of its first weights that an EMA with a cosine momentum keeps to the end.

    The mean momentum of the cosine is that of its ends, so it is exp(-steps (1 - mean)).

    Args:
        start: momentum at the first step.
        end: momentum that the schedule approaches.
        steps: of the optimizer.

    Example:
        >>> round(remaining_share(0.999, 0.999, steps=1000), 3)
        0.368
    """
    return math.exp(-steps * (1 - (start + end) / 2))


def share_of_copies(paths: Sequence[str | Path], total: int) -> float:
    """Estimate which share of the files of a data set are copies of another one.

    Only files of equal size are read. Of a sample of n out of N files, each with c copies on
    average, n^2 (c - 1) / 2N pairs are equal.

    Args:
        paths: a sample of the files.
        total: number of all files.

    Returns:
        The share of the files that would go if each content were kept once; 0 if none is equal.

    Raises:
        OSError: a file cannot be read.
    """
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in map(Path, paths):
        sizes[path.stat().st_size].append(path)
    digests: dict[bytes, int] = defaultdict(int)
    for same in sizes.values():
        for path in same if len(same) > 1 else []:
            digests[sha256(path.read_bytes()).digest()] += 1
    pairs = sum(count * (count - 1) // 2 for count in digests.values())
    if len(paths) >= total:
        return sum(count - 1 for count in digests.values()) / max(1, total)
    extra = 2 * pairs * total / len(paths) ** 2
    return extra / (1 + extra)
