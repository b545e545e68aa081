"""The contrastive heads of a model, and how many negatives a query of each has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import nn

from ..targets import FeatureQueue
from .instance_contrast import CosineHead, InfoNCEHead, InstanceContrastHead, VisibleNegativesHead
from .moco_v3 import MoCoV3Head
from .patch_contrast import PatchContrastHead
from .queue_contrast import FeatureL1Head, L1Head, QueueContrast, QueueInfoNCEHead

HEADS = (
    CosineHead,
    FeatureL1Head,
    InfoNCEHead,
    InstanceContrastHead,
    L1Head,
    MoCoV3Head,
    PatchContrastHead,
    QueueInfoNCEHead,
)


def contrastive_heads(model: nn.Module) -> Iterator[tuple[str, str, Any]]:
    """Yield the contrastive heads of a model.

    Args:
        model: a method, or any other model.

    Yields:
        The name of the head, the suffix that the level of MimCo gives to the names in the log
        (``'_patch'``; empty elsewhere), and the head.

    Example:
        >>> model = nn.ModuleDict({'head': PatchContrastHead(0.1)})
        >>> [(name, suffix) for name, suffix, _ in contrastive_heads(model)]
        [('head', '')]
    """
    for name, part in model.named_modules():
        if isinstance(part, HEADS):
            parent = name.rpartition('.')[0]
            level = parent.rpartition('.')[2].removesuffix('_contrast')
            own_level = isinstance(model.get_submodule(parent), QueueContrast)
            yield name, f'_{level}' if own_level else '', part


def count_negatives(model: nn.Module, images: int, processes: int) -> dict[str, int]:
    """Return how many negatives a query of each head has, by the head's name.

    Args:
        model: a method.
        images: of a batch of a process.
        processes: number of processes.

    Example:
        >>> count_negatives(nn.ModuleDict({'head': InfoNCEHead(0.1)}), images=64, processes=8)
        {'head': 511}
    """
    found = {}
    for name, _, head in contrastive_heads(model):
        if isinstance(head, PatchContrastHead):
            patches = math.prod(model.backbone.mask_grid)  # type: ignore[union-attr,arg-type]
            found[name] = patches * (images if head.negatives == 'batch' else 1) - 1
        elif isinstance(head, VisibleNegativesHead):
            found[name] = 2 * (images * processes - 1)
        elif isinstance(head, QueueInfoNCEHead):
            parent = model.get_submodule(name.rpartition('.')[0])
            queue = next(part for part in parent.modules() if isinstance(part, FeatureQueue))
            found[name] = queue.keys.shape[1]
        elif getattr(head, 'compares_images', False):
            found[name] = images * processes - 1
    return found
