"""InfoNCE over given logits, and the figures that tell whether it learns."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from ..utils.collectives import gather_keys, own_ids
from ..utils.similarity import feature_spread


def info_nce(logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of each query against the index of its positive key.

    Args:
        logits: (Q, K) similarities over temperature.
        target: (Q,) int64, the column of the positive.

    Returns:
        ``loss_contrast``; ``top1``, the share of queries whose positive scores highest; ``chance``,
        ln K: the loss of a network that cannot tell the keys apart.
    """
    return {
        'loss_contrast': F.cross_entropy(logits, target),
        'top1': (logits.detach().argmax(dim=-1) == target).float().mean(),
        'chance': logits.new_full((), math.log(logits.shape[-1])),
    }


def in_batch_info_nce(query: Tensor, key: Tensor, temperature: float) -> dict[str, Tensor]:
    """InfoNCE from each query to the keys of the batch on all processes.

    Args:
        query: (N, C), L2-normalised, or (N, n, C): n queries of each image.
        key: (N, C), L2-normalised, no gradient; row i is the positive of all queries of image i.
        temperature: tau.

    Returns:
        What :func:`info_nce` returns, and ``key_spread``.

    Raises:
        ValueError: queries and keys of different numbers of images.
    """
    if len(query) != len(key):
        raise ValueError(f'Queries of {len(query)} images and keys of {len(key)}.')
    keys = gather_keys(key)
    queries = query.flatten(0, -2)
    target = own_ids(key).repeat_interleave(len(queries) // len(key))
    logits = queries @ keys.T / temperature
    return {**info_nce(logits, target), 'key_spread': feature_spread(keys)}


def symmetrise(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
    """Combine what a head returned for the two directions of a symmetric loss.

    Losses, and ``chance`` with them, add up as in MoCo v3; the other monitors are averaged.
    """
    shares = {name: 1.0 if name.startswith(('loss', 'chance')) else 0.5 for name in first}
    return {name: share * (first[name] + second[name]) for name, share in shares.items()}
