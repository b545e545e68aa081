"""The batch size of a training loader, and a check that the images fill at least one batch."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, IterableDataset


def images_per_process(loader: DataLoader | dict) -> int:
    """Return the batch size of a loader or of its config, also if a batch sampler defines it.

    Example:
        >>> images_per_process(dict(batch_size=64))
        64
    """
    if isinstance(loader, dict):
        return loader['batch_size']
    return loader.batch_size or _batch_sampler(loader).batch_size


def check_epoch(loader: DataLoader, processes: int) -> None:
    """Raise an error if an epoch would have no iteration.

    Args:
        loader: the training loader of one process.
        processes: number of processes, for the message.

    Raises:
        ValueError: the images do not fill one batch, and incomplete batches are dropped.
    """
    data: Any = loader.dataset
    if isinstance(data, IterableDataset):
        return  # its length is unknown
    sampler = _batch_sampler(loader).sampler
    if isinstance(sampler, InfiniteSampler) or len(loader):
        return
    raise ValueError(
        f'The training set has {len(data)} images, {len(sampler)} for each of '
        f'{processes} process(es), which do not fill a batch of {images_per_process(loader)}, and '
        'incomplete batches are dropped (drop_last). Set '
        f'train_dataloader.batch_size={max(len(sampler), 1)} or less.'
    )


def _batch_sampler(loader: DataLoader) -> Any:
    return loader.batch_sampler
