"""What segmentation and detection with mmseg and mmdet need beside those libraries.

Nothing here imports them: who only pre-trains has neither.
"""

from . import library_parts
from .dense_beit_vit import DenseBEiTViT, RelativeViT
from .dense_conv_vit import DenseConvViT
from .dense_vit import DenseViT
from .hybrid_pyramid import HybridPyramid
from .layer_decay import LayerDecayOptimWrapperConstructor
from .mimdet_vit import MIMDetViT
from .simple_fpn import SimpleFPN
from .vit_pyramid import ViTPyramid
from .vitdet import ViTDet
from .windowed_conv_vit import WindowedConvViT
from .xavier_conv import XavierConv2d

__all__ = [
    'DenseBEiTViT',
    'DenseConvViT',
    'DenseViT',
    'HybridPyramid',
    'LayerDecayOptimWrapperConstructor',
    'MIMDetViT',
    'RelativeViT',
    'SimpleFPN',
    'ViTDet',
    'ViTPyramid',
    'WindowedConvViT',
    'XavierConv2d',
    'library_parts',
]
