"""InfoNCE of given logits, and monitors that show whether the network learns."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from ..utils.collectives import gather_keys, own_ids
from ..utils.similarity import feature_spread


def info_nce(logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Compute the cross-entropy of each query against the index of its positive key.

    Args:
        logits: (Q, K) similarities divided by the temperature.
        target: (Q,) int64, the column of the positive key.

    Returns:
        ``loss_contrast``; ``top1``, the share of queries whose positive has the highest logit; and
        ``chance``, ln K, the loss of a network that cannot distinguish the keys.

    Example:
        >>> import torch
        >>> result = info_nce(torch.zeros(2, 8), torch.tensor([3, 5]))  # all keys equally similar
        >>> result['loss_contrast'], result['chance']  # ln 8
        (tensor(2.0794), tensor(2.0794))
    """
    return {
        'loss_contrast': F.cross_entropy(logits, target),
        'top1': (logits.detach().argmax(dim=-1) == target).float().mean(),
        'chance': logits.new_full((), math.log(logits.shape[-1])),
    }


def in_batch_info_nce(query: Tensor, key: Tensor, temperature: float) -> dict[str, Tensor]:
    """Compute InfoNCE of each query against the keys of the whole batch, from all processes.

    Args:
        query: (N, C), L2-normalised, or (N, n, C) with n queries per image.
        key: (N, C), L2-normalised, without gradient; key i is the positive of all queries of
            image i.
        temperature: tau.

    Returns:
        The dict of :func:`info_nce`, and ``key_spread``.

    Raises:
        ValueError: queries and keys belong to different numbers of images.

    Example:
        >>> import torch
        >>> axes = torch.eye(4)
        >>> result = in_batch_info_nce(axes, axes, temperature=1.0)
        >>> result['loss_contrast'], result['top1']  # ln(e + 3) - 1
        (tensor(0.7437), tensor(1.))
    """
    if len(query) != len(key):
        raise ValueError(
            f'Queries of {len(query)} images and keys of {len(key)}: both must be of the same '
            'images.'
        )
    keys = gather_keys(key)
    queries = query.flatten(0, -2)
    target = own_ids(key).repeat_interleave(len(queries) // len(key))
    logits = queries @ keys.T / temperature
    return {**info_nce(logits, target), 'key_spread': feature_spread(keys)}


def symmetrise(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
    """Symmetrise a loss: combine the results of a head for both directions between two views.

    The losses of both directions are added, as in MoCo v3, and so is ``chance``. The other monitors
    are averaged.

    Args:
        first: loss and monitors of one direction.
        second: loss and monitors of the other direction, under the same names.

    Example:
        >>> import torch
        >>> one = dict(loss_contrast=torch.tensor(1.0), top1=torch.tensor(0.5))
        >>> symmetrise(one, one)
        {'loss_contrast': tensor(2.), 'top1': tensor(0.5000)}
    """
    shares = {name: 1.0 if name.startswith(('loss', 'chance')) else 0.5 for name in first}
    return {name: share * (first[name] + second[name]) for name, share in shares.items()}
