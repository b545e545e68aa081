"""Encoders that take a mask, and the pieces that mmpretrain's lack."""

from .beit_vit import BEiTViT, MaskedBEiTViT
from .conv_vit import ConvViT, MaskedConvViT
from .vit import MaskedViT, VisionTransformer

__all__ = [
    'BEiTViT',
    'ConvViT',
    'MaskedBEiTViT',
    'MaskedConvViT',
    'MaskedViT',
    'VisionTransformer',
]
