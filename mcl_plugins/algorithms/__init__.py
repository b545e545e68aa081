"""Pre-training methods, one file each."""

from .ccmim import CcMIM
from .cmae import CMAE
from .conmim import ConMIM

__all__ = ['CMAE', 'CcMIM', 'ConMIM']
