"""On-device, batched masks (True = hidden from the student) and partitions into chunks."""

from .block_mask import BlockMask
from .importance_mask import ImportanceMask
from .partition import Partition
from .patch_mask import PatchMask, upsample_patches
from .random_mask import RandomMask

__all__ = [
    'BlockMask',
    'ImportanceMask',
    'Partition',
    'PatchMask',
    'RandomMask',
    'upsample_patches',
]
