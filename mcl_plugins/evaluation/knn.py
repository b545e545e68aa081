"""Classification by the nearest training images, without training anything."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..utils.checks import check_temperature
from ..utils.similarity import l2_normalize

KS = (10, 20, 100, 200)  # DINO's


def nearest(queries: Tensor, bank: Tensor, k: int, block: int = 16384) -> tuple[Tensor, Tensor]:
    """The k most similar rows of a bank for each query, in descending order of the cosine.

    The bank is gone through in blocks, which are normalised and moved to the queries' device one
    after the other: beside the features there is a (Q, block) matrix in memory, whatever the
    bank's size.

    Args:
        queries: (Q, D).
        bank: (B, D), on any device.
        k: how many; at most B.
        block: rows of the bank in a matrix product.

    Returns:
        Cosines (Q, k) float32 and rows of the bank (Q, k) int64.

    Raises:
        ValueError: the bank has fewer than k rows.
    """
    check_neighbours([k], len(bank))
    queries = l2_normalize(queries)
    best = queries.new_empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    for start in range(0, len(bank), block):
        part = l2_normalize(bank[start : start + block].to(queries.device))
        ids = torch.arange(start, start + len(part), device=queries.device)
        candidates = torch.cat((best, queries @ part.T), dim=1)
        rows = torch.cat((rows, ids.expand(len(queries), -1)), dim=1)
        best, places = candidates.topk(min(k, candidates.shape[1]), dim=1)
        rows = rows.gather(1, places)
    return best, rows


def check_neighbours(ks: Sequence[int], images: int) -> None:
    """Raise a ValueError unless every k is a number of neighbours among so many images."""
    for k in ks:
        if not 0 < k <= images:
            raise ValueError(f'k={k} neighbours out of {images} images: choose k from 1 to that.')


def knn_predict(
    queries: Tensor,
    bank: Tensor,
    labels: Tensor,
    ks: Sequence[int] = KS,
    temperature: float = 0.07,
    query_block: int = 1024,
) -> dict[int, Tensor]:
    """Weighted k-NN (Wu et al., 2018, section 3.4; DINO's protocol).

    Each of the k nearest training images votes for its class with exp(cosine / tau).

    Args:
        queries: (Q, D) features to classify.
        bank: (B, D) features of the training images.
        labels: (B,) int64, their classes.
        ks: numbers of neighbours; the features are compared once for all.
        temperature: tau.
        query_block: queries that are compared at a time.

    Returns:
        For each k, (Q,) int64 predicted classes, on the device of the queries.

    Raises:
        ValueError: a k or the temperature is out of range.
    """
    check_temperature(temperature)
    check_neighbours(ks, len(bank))
    labels = labels.to(queries.device)
    classes = int(labels.max()) + 1
    predictions: dict[int, list[Tensor]] = {k: [] for k in ks}
    for part in queries.split(query_block):
        cosines, rows = nearest(part, bank, max(ks))
        # By the distance to the nearest: the same winner, and nothing overflows for small tau.
        votes = ((cosines - cosines[:, :1]) / temperature).exp()
        for k in ks:
            counts = votes.new_zeros(len(part), classes)
            counts.scatter_add_(1, labels[rows[:, :k]], votes[:, :k])
            predictions[k].append(counts.argmax(dim=1))
    return {k: torch.cat(parts) for k, parts in predictions.items()}
