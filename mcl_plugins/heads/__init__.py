"""Contrastive heads: from projections to a dict of loss and monitors."""

from .instance_contrast import (
    CosineHead,
    InfoNCEHead,
    InstanceContrastHead,
    VisibleNegativesHead,
)
from .patch_contrast import PatchContrastHead
from .queue_contrast import L1Head, QueueContrast, QueueInfoNCEHead

__all__ = [
    'CosineHead',
    'InfoNCEHead',
    'InstanceContrastHead',
    'L1Head',
    'PatchContrastHead',
    'QueueContrast',
    'QueueInfoNCEHead',
    'VisibleNegativesHead',
]
