"""Contrastive heads: from projections to a dict of loss and monitors."""

from .instance_contrast import CosineHead, InfoNCEHead, VisibleNegativesHead
from .patch_contrast import InstanceContrastHead, PatchContrastHead

__all__ = [
    'CosineHead',
    'InfoNCEHead',
    'InstanceContrastHead',
    'PatchContrastHead',
    'VisibleNegativesHead',
]
