"""Parts made of mmseg's, under this package's scope; mmseg is imported when one is built."""

from __future__ import annotations

from typing import Any

from ..registry import DATASETS


@DATASETS.register_module(name='ADE20KDataset')
def build_ade20k_dataset(**settings: Any) -> Any:
    """Build a :class:`mcl_plugins.downstream.mmseg_datasets.ADE20KDataset`.

    Args:
        **settings: those of mmseg's ``ADE20KDataset``.

    Raises:
        ImportError: mmseg is not installed.
    """
    from .mmseg_datasets import ADE20KDataset  # noqa: PLC0415  mmseg is optional

    return ADE20KDataset(**settings)


@DATASETS.register_module(name='SegmentationDataset')
def build_segmentation_dataset(**settings: Any) -> Any:
    """Build a :class:`mcl_plugins.downstream.mmseg_datasets.SegmentationDataset`.

    Args:
        **settings: those of mmseg's ``BaseSegDataset``.

    Raises:
        ImportError: mmseg is not installed.
    """
    from .mmseg_datasets import SegmentationDataset  # noqa: PLC0415  mmseg is optional

    return SegmentationDataset(**settings)
