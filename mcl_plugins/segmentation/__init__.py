"""Segmentation with mmseg: encoders with relative positions, a pyramid, and checked datasets.

mmseg is imported only when one of the datasets is built, because pre-training does not need it.
Parts that segmentors and detectors share are in ``backbones`` and ``necks``.
"""

from ..registry import DATASETS, register_on_demand
from .dense_beit_vit import DenseBEiTViT, RelativeViT
from .dense_conv_vit import DenseConvViT
from .hybrid_pyramid import HybridPyramid

register_on_demand(DATASETS, 'ADE20KDataset', f'{__name__}.datasets')
register_on_demand(DATASETS, 'SegmentationDataset', f'{__name__}.datasets')

__all__ = [
    'DenseBEiTViT',
    'DenseConvViT',
    'HybridPyramid',
    'RelativeViT',
]
