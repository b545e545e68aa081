"""What segmentation and detection with mmseg and mmdet need beside those libraries.

Nothing here imports them: who only pre-trains has neither.
"""

from .layer_decay import LayerDecayOptimWrapperConstructor
from .vit_pyramid import ViTPyramid

__all__ = ['LayerDecayOptimWrapperConstructor', 'ViTPyramid']
