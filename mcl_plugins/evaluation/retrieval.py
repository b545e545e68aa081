"""Image retrieval, scored as on revisited Oxford and Paris (Radenovic et al., 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

Setup = Literal['easy', 'medium', 'hard']
# Which lists of a query are to be found, and which are taken out of the ranking as if not there.
SETUPS: dict[Setup, tuple[tuple[str, ...], tuple[str, ...]]] = {
    'easy': (('easy',), ('junk', 'hard')),
    'medium': (('easy', 'hard'), ('junk',)),
    'hard': (('hard',), ('junk', 'easy')),
}


@dataclass(frozen=True)
class Query:
    """What there is to find for a query image: rows of the database, and its box in pixels."""

    easy: Sequence[int]
    hard: Sequence[int]
    junk: Sequence[int]
    box: tuple[float, float, float, float]


def average_precision(places: Sequence[int], relevant: int) -> float:
    """Area under the precision-recall curve, by trapezoids as the benchmark's own code does.

    Args:
        places: where the relevant images stand in the ranking, from 0, ascending.
        relevant: how many there are.
    """
    total = 0.0
    for found, place in enumerate(places):
        before = 1.0 if place == 0 else found / place
        total += (before + (found + 1) / (place + 1)) / 2
    return total / relevant


def score(
    rankings: np.ndarray, queries: Sequence[Query], setup: Setup, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Mean average precision and precision at k of all queries that have something to find.

    Args:
        rankings: (Q, B), for each query the rows of the database, most similar first.
        queries: what there is to find.
        setup: ``'easy'``, ``'medium'`` or ``'hard'``.
        ks: ranks for the precision; beyond the last relevant image it is that image's rank.

    Returns:
        ``mAP`` and ``mP@k`` in percent; NaN if no query has anything to find.
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
    """Rows of the database by descending cosine.

    Args:
        queries: (Q, D) unit vectors.
        database: (B, D) unit vectors.

    Returns:
        (Q, B) int64.
    """
    return (queries @ database.T).argsort(dim=1, descending=True, stable=True).cpu().numpy()
