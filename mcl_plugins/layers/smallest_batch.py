"""The smallest batch that contrastive losses and batch normalisations make sense with."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .sync_norm import SyncBN


def is_synchronised(norm: nn.Module) -> bool:
    """Whether a batch normalisation uses the samples of all processes."""
    return isinstance(norm, SyncBN | nn.SyncBatchNorm)


def smallest_batch(
    model: nn.Module, image_parts: Iterable[nn.Module | None] = (), processes: int = 1
) -> int:
    """Return the smallest number of images per process that a model can be trained on.

    A loss whose negatives are other images of the batch (a module with ``compares_images=True``) is
    0 for a single image, so it needs two in all processes together. So does a synchronised
    BatchNorm that gets one row per image; any other BatchNorm of this kind needs two per process.

    Args:
        model: its modules are searched for such losses.
        image_parts: modules that get one row per image; their BatchNorms are looked at.
        processes: number of processes that train the model.

    Example:
        >>> smallest_batch(nn.Linear(2, 2))
        1
        >>> smallest_batch(nn.Identity(), [nn.BatchNorm1d(2)], processes=8)
        2
        >>> smallest_batch(nn.Identity(), [SyncBN(2)], processes=8)
        1
    """
    parts = [part for part in image_parts if part is not None]
    norms = [norm for part in parts for norm in part.modules() if isinstance(norm, _BatchNorm)]
    if any(not is_synchronised(norm) for norm in norms):
        return 2
    compares = any(getattr(module, 'compares_images', False) for module in model.modules())
    return 2 if processes == 1 and (compares or norms) else 1
