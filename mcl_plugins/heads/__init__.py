"""Contrastive heads: they compute a dict of loss and monitors from projected features."""

from .instance_contrast import CosineHead, InfoNCEHead, InstanceContrastHead, VisibleNegativesHead
from .moco_v3 import MoCoV3Head
from .patch_contrast import PatchContrastHead
from .queue_contrast import FeatureL1Head, L1Head, QueueContrast, QueueInfoNCEHead

__all__ = [
    'CosineHead',
    'FeatureL1Head',
    'InfoNCEHead',
    'InstanceContrastHead',
    'L1Head',
    'MoCoV3Head',
    'PatchContrastHead',
    'QueueContrast',
    'QueueInfoNCEHead',
    'VisibleNegativesHead',
]
