"""Features of regions under bfloat16; needs mmdet, see ``mmdet_parts.py``."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor as _SingleRoIExtractor
from torch import Tensor


class SingleRoIExtractor(_SingleRoIExtractor):
    """mmdet's, in float32: mmcv's RoIAlign has no bfloat16 kernel.

    mmdet also casts the boxes to the type of the maps, and half precision moves a corner at 1000 px
    by up to 4 px in bfloat16.
    """

    def forward(
        self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None
    ) -> Tensor:
        """Align regions to the map of their size.

        Args:
            feats: maps (N, C, H, W), one a level.
            rois: (R, 5), the image's index and the corners in pixels.
            roi_scale_factor: as in mmdet.

        Returns:
            (R, C, side, side), float32.
        """
        return super().forward(tuple(x.float() for x in feats), rois, roi_scale_factor)
