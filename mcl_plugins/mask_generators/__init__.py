"""Masks over the patches of a batch (True = masked) and partitions into chunks, on its device."""

from .block_mask import BlockMask
from .importance_mask import ImportanceMask
from .partition import Partition
from .patch_mask import PatchMask, gather_patches, upsample_patches
from .random_mask import RandomMask

__all__ = [
    'BlockMask',
    'ImportanceMask',
    'Partition',
    'PatchMask',
    'RandomMask',
    'gather_patches',
    'upsample_patches',
]
