"""Pre-training methods, one file each, and their base classes.

Importing this package imports every module of its folder, which registers the methods.
"""

from importlib import import_module
from pkgutil import iter_modules

from .base import PretrainingMethod, ReconstructingMethod
from .ccmim import CcMIM
from .cmae import CMAE
from .conmim import ConMIM
from .mae import MaskedAutoencoder
from .masked_moco import MaskedBYOL, MaskedMoCo
from .mimco import MimCo
from .moby import MoBY, SimMIMMoBY
from .mocov3 import MoCoV3

__all__ = [
    'CMAE',
    'CcMIM',
    'ConMIM',
    'MaskedAutoencoder',
    'MaskedBYOL',
    'MaskedMoCo',
    'MimCo',
    'MoBY',
    'MoCoV3',
    'PretrainingMethod',
    'ReconstructingMethod',
    'SimMIMMoBY',
]

for _module in iter_modules(__path__):
    import_module(f'{__name__}.{_module.name}')
