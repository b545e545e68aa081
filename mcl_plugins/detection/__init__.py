"""Detection with mmdet: windowed encoders, ViTDet's pyramid, checked annotations.

mmdet is imported only when one of its parts is built, because pre-training does not need it.
Parts that segmentors and detectors share are in ``backbones`` and ``necks``.
"""

from ..registry import DATASETS, METRICS, MODELS, register_on_demand
from .cae_vit import CAEViT
from .mimdet_vit import MIMDetViT
from .simple_fpn import SimpleFPN
from .vitdet import ViTDet
from .windowed_conv_vit import WindowedConvViT

register_on_demand(DATASETS, 'CocoDataset', f'{__name__}.coco')
register_on_demand(METRICS, 'CocoMetric', f'{__name__}.metric')
register_on_demand(MODELS, 'RPNHead', f'{__name__}.heads')
register_on_demand(MODELS, 'SingleRoIExtractor', f'{__name__}.heads')

__all__ = ['CAEViT', 'MIMDetViT', 'SimpleFPN', 'ViTDet', 'WindowedConvViT']
