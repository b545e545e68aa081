"""k-nearest-neighbour search and classification of frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from torch import Tensor

from ..utils.checks import check_temperature
from ..utils.similarity import l2_normalize

KS = (10, 20, 100, 200)  # DINO's


def nearest(queries: Tensor, bank: Tensor, k: int, block: int = 16384) -> tuple[Tensor, Tensor]:
    """Find the k rows of a bank that are most similar to each query, the most similar first.

    The bank is processed in blocks, which are L2-normalised and moved to the queries' device one
    after another. So the memory used in addition to the features is a (Q, block) matrix, however
    large the bank is.

    Args:
        queries: (Q, D).
        bank: (B, D), on any device.
        k: number of neighbours, at most B.
        block: number of rows of the bank in one matrix product.

    Returns:
        The cosine similarities (Q, k), float32, and the indices of the rows (Q, k), int64.

    Raises:
        ValueError: ``k`` is less than 1 or more than B.

    Example:
        >>> bank = torch.tensor([[0.0, 2.0], [3.0, 4.0], [5.0, 0.0]])
        >>> cosines, rows = nearest(torch.tensor([[1.0, 0.0]]), bank, k=2)
        >>> cosines, rows
        (tensor([[1.0000, 0.6000]]), tensor([[2, 1]]))
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
    """Raise a ValueError unless every k is between 1 and the number of images.

    Example:
        >>> check_neighbours([5], images=3)
        Traceback (most recent call last):
        ValueError: k=5 neighbours out of 3 images: choose k from 1 to 3.
    """
    for k in ks:
        if not 0 < k <= images:
            raise ValueError(
                f'k={k} neighbours out of {images} images: choose k from 1 to {images}.'
            )


def knn_predict(
    queries: Tensor,
    bank: Tensor,
    labels: Tensor,
    ks: Sequence[int] = KS,
    temperature: float = 0.07,
    query_block: int = 256,
) -> dict[int, Tensor]:
    """Classify features by weighted k-NN (Wu et al., 2018, section 3.4; DINO's protocol).

    Each of the k nearest training images votes for its class with the weight exp(cosine / tau).
    Several processes share the queries: all of them call the function with the same arguments, and
    all get the same predictions, which are bit for bit those of one process.

    Args:
        queries: (Q, D) features to classify.
        bank: (B, D) features of the training images.
        labels: (B,) int64, classes of the training images.
        ks: values of k; the neighbours are searched once for all of them.
        temperature: tau.
        query_block: number of queries that are processed at a time; the processes take turns.

    Returns:
        For each k the predicted classes (Q,), int64, on the device of the queries.

    Raises:
        ValueError: a value of k or the temperature is out of range.

    Example:
        >>> bank, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([7, 3])
        >>> knn_predict(torch.tensor([[0.9, 0.1], [0.2, 0.8]]), bank, labels, ks=[1])
        {1: tensor([7, 3])}
    """
    check_temperature(temperature)
    check_neighbours(ks, len(bank))
    labels = labels.to(queries.device)
    classes = int(labels.max()) + 1
    predictions = torch.zeros(len(ks), len(queries), dtype=torch.long, device=queries.device)
    for start in range(get_rank() * query_block, len(queries), get_world_size() * query_block):
        own = slice(start, start + query_block)
        cosines, rows = nearest(queries[own], bank, max(ks))
        # Subtracting the largest cosine changes no winner and avoids overflow for a small tau.
        votes = ((cosines - cosines[:, :1]) / temperature).exp()
        for found, k in zip(predictions, ks, strict=True):
            counts = votes.new_zeros(len(votes), classes)
            counts.scatter_add_(1, labels[rows[:, :k]], votes[:, :k])
            found[own] = counts.argmax(dim=1)
    all_reduce(predictions)  # their sum, to which the other processes add 0
    return dict(zip(ks, predictions, strict=True))
