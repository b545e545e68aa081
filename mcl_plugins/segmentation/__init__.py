"""Segmentation with mmseg: encoders and pyramids of maps, and checked data sets.

Nothing here imports mmseg before one of its parts is built: who only pre-trains may not have it.
"""

from ..registry import DATASETS, register_on_demand
from .dense_beit_vit import DenseBEiTViT, RelativeViT
from .dense_conv_vit import DenseConvViT
from .dense_vit import DenseViT
from .hybrid_pyramid import HybridPyramid
from .vit_pyramid import ViTPyramid

register_on_demand(DATASETS, 'ADE20KDataset', f'{__name__}.mmseg_datasets')
register_on_demand(DATASETS, 'SegmentationDataset', f'{__name__}.mmseg_datasets')

__all__ = [
    'DenseBEiTViT',
    'DenseConvViT',
    'DenseViT',
    'HybridPyramid',
    'RelativeViT',
    'ViTPyramid',
]
