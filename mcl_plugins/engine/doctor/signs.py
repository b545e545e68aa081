"""Numbers that show how features, weights and images are, as functions of tensors."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor, nn

from ...utils.sharded import local_part
from ...utils.similarity import l2_normalize

MOST_ROWS = 512  # feature vectors of which the rank is computed
# Copies in a sample below which nothing is known of the others: if a tenth of 60,000 files were
# copies, a sample of 1,000 would have one on average, and five in less than 1 % of all cases.
FEWEST = 5
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
    rows = _spaced(l2_normalize(features.detach()).flatten(0, -2))
    # PyTorch refuses rows that are not finite, of which the guard of the step tells more.
    values = torch.linalg.svdvals(rows.nan_to_num())
    shares = values / values.sum().clamp_min(1e-12) + 1e-7
    return (-(shares * shares.log()).sum()).exp()


@torch.no_grad()
def alignment(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the squared distances of queries to their own key and to the others.

    The first is the alignment of Wang and Isola (ICML 2020), with alpha = 2: 0 if each query equals
    its key, and 2 if they are orthogonal.

    Args:
        queries: (Q, C).
        keys: (Q, C), row by row those of the queries.

    Returns:
        The mean over the Q pairs, and that over all others, which is 2 if there is one query.

    Example:
        >>> alignment(torch.eye(4), torch.eye(4))
        (tensor(0.), tensor(2.))
    """
    queries, keys = l2_normalize(queries.detach()), l2_normalize(keys.detach())
    own = (queries * keys).sum()
    others = queries.sum(dim=0) @ keys.sum(dim=0) - own
    count = len(queries)
    return 2 - 2 * own / count, 2 - 2 * (others / max(1, count * (count - 1)))


@torch.no_grad()
def uniformity(features: Tensor) -> Tensor:
    """Compute the uniformity of features (Wang and Isola, ICML 2020): log mean exp(-2 d^2).

    It is 0 if all features are equal, and about -4 if they cover a sphere evenly.

    Args:
        features: (Q, C); of more than :data:`MOST_ROWS` vectors, evenly spaced ones count.

    Returns:
        A scalar over all pairs; 0 for one vector.

    Example:
        >>> uniformity(torch.eye(4)), uniformity(torch.ones(4, 8))  # d^2 is 2, and 0
        (tensor(-4.0000), tensor(0.))
    """
    rows = _spaced(l2_normalize(features.detach()))
    distances = torch.pdist(rows)
    if not len(distances):
        return distances.new_zeros(())
    return (-2 * distances.square()).exp().mean().log()


def _spaced(rows: Tensor) -> Tensor:
    return rows[:: math.ceil(len(rows) / MOST_ROWS)]


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

    Only files of equal size are read, and a file that is listed several times counts once. The
    share within a random sample is at most that of all files, as far as chance goes. A higher
    estimate follows from the contents that occur several times: of n out of N files, c of each
    content, these are n^2 (c - 1) / 2N, if n is small. Pairs are not counted, as one content with
    many copies has many.

    Args:
        paths: a random sample of the list of files, drawn without replacement.
        total: length of the list.

    Returns:
        The share of the files that would go if each content were kept once; 0 if the sample is not
        the whole list and has fewer than :data:`FEWEST` copies.

    Raises:
        OSError: a file cannot be read.
    """
    listed = Counter(map(Path, paths))
    several = _repeated_contents(listed)
    copies = sum(count - 1 for count in several)
    share = copies / max(1, len(listed))
    if len(paths) >= total:
        return share
    if copies < FEWEST:
        return 0.0
    if len(several) < FEWEST:
        return share
    pairs = sum(count * (count - 1) // 2 for count in listed.values())
    times_listed = 1 + 2 * pairs * total / len(paths) ** 2
    files = max(len(listed), total / times_listed)
    extra = 2 * len(several) * files / len(listed) ** 2
    return max(share, extra / (1 + extra))


def _repeated_contents(paths: Iterable[Path]) -> list[int]:
    """Return for each content that several files have how many these are."""
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        sizes[path.stat().st_size].append(path)
    digests = Counter(
        sha256(path.read_bytes()).digest()
        for same in sizes.values()
        if len(same) > 1
        for path in same
    )
    return [count for count in digests.values() if count > 1]
