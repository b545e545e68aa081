"""Features of whole data sets, on one process or many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import all_gather, get_world_size, is_main_process
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm


@torch.no_grad()
def extract_features(
    encode: Callable[[Any], Tensor], loader: DataLoader, title: str
) -> tuple[Tensor, Tensor]:
    """Encode every image of a data set once, and hand all features to all processes.

    Args:
        encode: from a batch of the loader to (N, D) features.
        loader: without shuffling; samples have ``data_samples`` with ``gt_label``. Several
            processes need MMEngine's ``DefaultSampler``, which deals the samples out in turn.
        title: of the progress bar.

    Returns:
        (images, D) float32 features and (images,) int64 labels in the order of the data set, on the
        device of the features.
    """
    features, labels = [], []
    for batch in tqdm(loader, desc=title, disable=not is_main_process(), leave=False):
        features.append(encode(batch).float())
        labels.append(torch.cat([sample.gt_label for sample in batch['data_samples']]))
    own = torch.cat(features)
    total = len(loader.dataset)  # type: ignore[arg-type]
    return _in_order(own, total), _in_order(torch.cat(labels).to(own.device), total)


def _in_order(rows: Tensor, total: int) -> Tensor:
    """Rows of all processes as the data set has them, without those that fill up the last batch."""
    if get_world_size() == 1:
        return rows
    return torch.stack(all_gather(rows.contiguous()), dim=1).flatten(0, 1)[:total]


def pool_tokens(output: Tensor, feature: str, extra_tokens: int = 1) -> Tensor:
    """One feature of each image out of what an encoder returns.

    Args:
        output: (N, E + L, D) tokens, or an (N, D, rows, columns) map.
        feature: ``'mean'`` of the patches, or ``'class'``, the first token.
        extra_tokens: E, the tokens before the patches.

    Raises:
        ValueError: the class token of an encoder without one.
    """
    if feature == 'mean':
        return output.flatten(2).mean(2) if output.ndim == 4 else output[:, extra_tokens:].mean(1)
    if output.ndim == 4 or extra_tokens == 0:
        raise ValueError("feature='class' needs an encoder with a class token; use 'mean'.")
    return output[:, 0]
