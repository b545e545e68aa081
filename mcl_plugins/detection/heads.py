"""mmdet's parts that compute boxes, in float32 also under bfloat16 autocast.

mmdet gives boxes the type of the maps. In bfloat16 a corner at 1000 px would move by up to 2 px,
and mmcv's RoIAlign and NMS have no kernel for that type. This module imports mmdet, so it is itself
imported only when one of the parts is built.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.dense_heads import RPNHead as _RPNHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor as _SingleRoIExtractor
from torch import Tensor


class RPNHead(_RPNHead):
    """mmdet's ``RPNHead`` with float32 scores and offsets, hence float32 anchors and proposals."""

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> scores (N, A, H, W) and offsets (N, 4 A, H, W) of A anchors."""
        scores, offsets = super().forward_single(x)
        return scores.float(), offsets.float()


class SingleRoIExtractor(_SingleRoIExtractor):
    """mmdet's ``SingleRoIExtractor`` in float32."""

    def forward(
        self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None
    ) -> Tensor:
        """Pool each region from the map of its scale.

        Args:
            feats: maps (N, C, H, W), one a level.
            rois: (R, 5), the image's index and the corners in pixels.
            roi_scale_factor: as in mmdet.

        Returns:
            (R, C, side, side), float32.
        """
        return super().forward(tuple(x.float() for x in feats), rois, roi_scale_factor)
