"""Contrastive heads: from projections to a dict of loss and monitors."""

from .instance_contrast import (
    CosineHead,
    InfoNCEHead,
    InstanceContrastHead,
    VisibleNegativesHead,
)
from .patch_contrast import PatchContrastHead

__all__ = [
    'CosineHead',
    'InfoNCEHead',
    'InstanceContrastHead',
    'PatchContrastHead',
    'VisibleNegativesHead',
]
