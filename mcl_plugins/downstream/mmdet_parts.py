"""Parts made of mmdet's, under this package's scope; mmdet is imported when one is built."""

from __future__ import annotations

from typing import Any

from ..registry import DATASETS, MODELS


@DATASETS.register_module(name='CocoDataset')
def build_coco_dataset(**settings: Any) -> Any:
    """Build a :class:`mcl_plugins.downstream.mmdet_coco.CocoDataset`.

    Args:
        **settings: those of mmdet's ``CocoDataset``.

    Raises:
        ImportError: mmdet, or mmcv's ops, are not installed.
    """
    from .mmdet_coco import CocoDataset  # noqa: PLC0415  mmdet is optional

    return CocoDataset(**settings)


@MODELS.register_module(name='SingleRoIExtractor')
def build_roi_extractor(**settings: Any) -> Any:
    """Build a :class:`mcl_plugins.downstream.mmdet_heads.SingleRoIExtractor`.

    Args:
        **settings: those of mmdet's ``SingleRoIExtractor``.

    Raises:
        ImportError: mmdet, or mmcv's ops, are not installed.
    """
    from .mmdet_heads import SingleRoIExtractor  # noqa: PLC0415  mmdet is optional

    return SingleRoIExtractor(**settings)


@MODELS.register_module(name='RPNHead')
def build_rpn_head(**settings: Any) -> Any:
    """Build a :class:`mcl_plugins.downstream.mmdet_heads.RPNHead`.

    Args:
        **settings: those of mmdet's ``RPNHead``.

    Raises:
        ImportError: mmdet, or mmcv's ops, are not installed.
    """
    from .mmdet_heads import RPNHead  # noqa: PLC0415  mmdet is optional

    return RPNHead(**settings)
