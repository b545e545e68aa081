"""The methods, one file each."""

from .conmim import ConMIM

__all__ = ['ConMIM']
