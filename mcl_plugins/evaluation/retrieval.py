"""Metrics of image retrieval, those of revisited Oxford and Paris (Radenovic et al., 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

Setup = Literal['easy', 'medium', 'hard']
# For each setup, the lists of relevant images, and the lists that are removed from the ranking.
SETUPS: dict[Setup, tuple[tuple[str, ...], tuple[str, ...]]] = {
    'easy': (('easy',), ('junk', 'hard')),
    'medium': (('easy', 'hard'), ('junk',)),
    'hard': (('hard',), ('junk', 'easy')),
}


@dataclass(frozen=True)
class Query:
    """Ground truth of a query image.

    Attributes:
        easy, hard: rows of the database that are easy or hard to find.
        junk: rows of the database that are ignored.
        box: left, top, right and bottom of the object in the query image, in pixels.

    Example:
        >>> query = Query(easy=[0], hard=[2], junk=[1], box=(0, 0, 64, 64))
        >>> score(np.array([[0, 1, 2, 3]]), [query], 'medium')['mAP']  # the junk does not count
        100.0
    """

    easy: Sequence[int]
    hard: Sequence[int]
    junk: Sequence[int]
    box: tuple[float, float, float, float]


def average_precision(places: Sequence[int], relevant: int) -> float:
    """Compute the area under the precision-recall curve by trapezoids, as the benchmark's own code.

    Args:
        places: positions of the relevant images in the ranking, counted from 0, ascending.
        relevant: number of relevant images.

    Example:
        >>> average_precision([0, 1], relevant=2), average_precision([1], relevant=1)
        (1.0, 0.25)
    """
    total = 0.0
    for found, place in enumerate(places):
        before = 1.0 if place == 0 else found / place
        total += (before + (found + 1) / (place + 1)) / 2
    return total / relevant


def score(
    rankings: np.ndarray, queries: Sequence[Query], setup: Setup, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Compute mean average precision and mean precision at k.

    Queries without a relevant image in this setup are not counted.

    Args:
        rankings: (Q, B), for each query the rows of the database, most similar first.
        queries: the ground truth of each query.
        setup: ``'easy'``, ``'medium'`` or ``'hard'``.
        ks: values of k; if the last relevant image has a rank below k, its rank is used instead.

    Returns:
        ``mAP`` and ``mP@k`` in percent; NaN if no query has a relevant image.

    Example:
        >>> query = Query(easy=[2], hard=[0], junk=[1], box=(0, 0, 8, 8))
        >>> score(np.array([[2, 1, 0, 3]]), [query], 'medium', ks=[1])  # junk is ignored
        {'mAP': 100.0, 'mP@1': 100.0}
    """
    wanted, ignored = SETUPS[setup]
    precisions: list[float] = []
    at_k: list[list[float]] = []
    for ranking, query in zip(rankings, queries, strict=True):
        relevant = [row for name in wanted for row in getattr(query, name)]
        if not relevant:
            continue
        junk = [row for name in ignored for row in getattr(query, name)]
        kept = ranking[~np.isin(ranking, junk)]
        places = np.flatnonzero(np.isin(kept, relevant))
        precisions.append(average_precision(places.tolist(), len(relevant)))
        last = int(places.max()) + 1
        at_k.append([float((places < min(last, k)).sum()) / min(last, k) for k in ks])
    if not precisions:
        return {'mAP': math.nan, **{f'mP@{k}': math.nan for k in ks}}
    means = np.mean(at_k, axis=0)
    results = {f'mP@{k}': 100 * float(mean) for k, mean in zip(ks, means, strict=True)}
    return {'mAP': 100 * float(np.mean(precisions)), **results}


def rank(queries: Tensor, database: Tensor) -> np.ndarray:
    """Rank the rows of a database for each query by descending cosine similarity.

    Args:
        queries: (Q, D), L2-normalised.
        database: (B, D), L2-normalised.

    Returns:
        (Q, B) int64, the rows of the database, most similar first.

    Example:
        >>> import torch
        >>> rank(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8], [1.0, 0.0]])).tolist()
        [[1, 0]]
    """
    return (queries @ database.T).argsort(dim=1, descending=True, stable=True).cpu().numpy()
