"""The sizes of the batches of a training loader, and checks of them."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import InfiniteSampler
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from ..layers.smallest_batch import smallest_batch


def images_per_process(loader: DataLoader | dict) -> int:
    """Return the batch size of a loader or of its config, also if a batch sampler defines it.

    Example:
        >>> images_per_process(dict(batch_size=64))
        64
    """
    if isinstance(loader, dict):
        return loader['batch_size']
    return loader.batch_size or _batch_sampler(loader).batch_size


def batch_sizes(loader: DataLoader) -> tuple[int, int] | None:
    """Return the images per process in the first and in the last batch of an epoch.

    Returns:
        None if the length of the data set is unknown.

    Example:
        >>> batch_sizes(DataLoader(range(7), batch_size=3))
        (3, 1)
    """
    if isinstance(loader.dataset, IterableDataset):
        return None
    batches, size = _batch_sampler(loader), images_per_process(loader)
    if isinstance(batches.sampler, InfiniteSampler):
        return size, size  # it begins anew within a batch
    images = len(batches.sampler)
    if getattr(batches, 'drop_last', False) or images % size == 0:
        return size, size
    return min(size, images), images % size


def check_batches(loader: DataLoader, model: nn.Module, processes: int) -> None:
    """Raise an error if a batch has fewer images than the model makes sense with.

    Args:
        loader: the training loader of one process.
        model: a method with ``smallest_batch``, or any other model.
        processes: number of processes.

    Raises:
        ValueError: all batches are too small, or the incomplete last one of an epoch is.
    """
    sizes = batch_sizes(loader)
    if sizes is None:
        return
    stated: Any = getattr(model, 'smallest_batch', None)
    smallest = stated(processes) if stated else smallest_batch(model, processes=processes)
    first, last = sizes
    needs = (
        f'{type(model).__name__} needs at least {smallest} images per process and batch: it '
        'compares the images of a batch with each other, or normalises over them'
    )
    if first < smallest:
        raise ValueError(
            f'{needs}, but a batch has {first}: set train_dataloader.batch_size={smallest} or more.'
        )
    if last < smallest:
        raise ValueError(
            f'{needs}, but the last batch of an epoch has {last}: set '
            'train_dataloader.drop_last=True, or another train_dataloader.batch_size.'
        )


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
