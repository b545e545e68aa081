"""Encoders for masked pre-training, and the same encoders without mask for downstream tasks."""

from .beit_vit import BEiTViT, MaskedBEiTViT
from .conv_vit import ConvViT, MaskedConvViT
from .deit import DeiT
from .dense_vit import DenseViT
from .dino_vit import DINOViT
from .encoder import Encoder
from .mocov3_vit import MaskedMoCoViT, MoCoV3ViT
from .simmim_vit import SimMIMViT
from .swin import SimMIMSwin, SwinTransformer
from .vit import MaskedViT, VisionTransformer

__all__ = [
    'BEiTViT',
    'ConvViT',
    'DINOViT',
    'DeiT',
    'DenseViT',
    'Encoder',
    'MaskedBEiTViT',
    'MaskedConvViT',
    'MaskedMoCoViT',
    'MaskedViT',
    'MoCoV3ViT',
    'SimMIMSwin',
    'SimMIMViT',
    'SwinTransformer',
    'VisionTransformer',
]
