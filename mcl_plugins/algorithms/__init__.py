"""Pre-training methods, one file each, and the contract that they keep."""

from .base import PretrainingMethod, ReconstructingMethod
from .ccmim import CcMIM
from .cmae import CMAE
from .conmim import ConMIM
from .masked_moco import MaskedBYOL, MaskedMoCo
from .mimco import MimCo
from .moby import MoBY, SimMIMMoBY

__all__ = [
    'CMAE',
    'CcMIM',
    'ConMIM',
    'MaskedBYOL',
    'MaskedMoCo',
    'MimCo',
    'MoBY',
    'PretrainingMethod',
    'ReconstructingMethod',
    'SimMIMMoBY',
]
