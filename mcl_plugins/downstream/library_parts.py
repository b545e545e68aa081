"""Parts that derive from mmseg's and mmdet's, registered under this package's scope.

Both libraries are optional: the module that holds a part, and with it the library, is imported
when one is built.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mmengine.registry import Registry

from ..registry import DATASETS, MODELS


def register_on_demand(registry: Registry, name: str, module: str) -> None:
    """Register a class of this folder without importing it.

    Args:
        registry: where.
        name: of the class, and of the part in configs.
        module: its module's name in this folder; building raises an ImportError if what that
            imports is not installed.
    """

    @registry.register_module(name=name)
    def build(**settings: Any) -> Any:
        return getattr(import_module(f'.{module}', __package__), name)(**settings)


register_on_demand(DATASETS, 'ADE20KDataset', 'mmseg_datasets')
register_on_demand(DATASETS, 'SegmentationDataset', 'mmseg_datasets')
register_on_demand(DATASETS, 'CocoDataset', 'mmdet_coco')
register_on_demand(MODELS, 'RPNHead', 'mmdet_heads')
register_on_demand(MODELS, 'SingleRoIExtractor', 'mmdet_heads')
