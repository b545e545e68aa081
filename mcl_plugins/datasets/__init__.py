"""Datasets for pre-training and classification."""

from .archives import ShardSampler
from .collate import default_collate
from .flowers102 import Flowers102
from .image_folder import ImageFolder, ImageNet
from .imagenet100 import ImageNet100
from .inaturalist import INaturalist

__all__ = [
    'Flowers102',
    'INaturalist',
    'ImageFolder',
    'ImageNet',
    'ImageNet100',
    'ShardSampler',
    'default_collate',
]
