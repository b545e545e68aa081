"""On-device, batched masks. True = hidden from the student."""

from .block_mask import BlockMask
from .importance_mask import ImportanceMask
from .patch_mask import PatchMask
from .random_mask import RandomMask

__all__ = ['BlockMask', 'ImportanceMask', 'PatchMask', 'RandomMask']
