"""Encoders that take a mask, and the pieces that mmpretrain's lack."""

from .beit_vit import BEiTViT, MaskedBEiTViT

__all__ = ['BEiTViT', 'MaskedBEiTViT']
