"""Encoders that take a mask, and the encoders for transfer that belong to them."""

from .beit_vit import BEiTViT, MaskedBEiTViT
from .conv_vit import ConvViT, MaskedConvViT
from .deit import DeiT
from .mocov3_vit import MaskedMoCoViT
from .simmim_vit import SimMIMViT
from .swin import SimMIMSwin, SwinTransformer
from .vit import MaskedViT, VisionTransformer

__all__ = [
    'BEiTViT',
    'ConvViT',
    'DeiT',
    'MaskedBEiTViT',
    'MaskedConvViT',
    'MaskedMoCoViT',
    'MaskedViT',
    'SimMIMSwin',
    'SimMIMViT',
    'SwinTransformer',
    'VisionTransformer',
]
