"""mmdet's parts that compute boxes, in float32 even under bfloat16 autocast.

In mmdet, boxes have the data type of the feature maps. In bfloat16 a corner at 1000 px would move
by up to 2 px, and mmcv's RoIAlign and NMS have no kernel for that type. This module imports mmdet,
so it is only imported when one of the parts is built.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.models.dense_heads import RPNHead as _RPNHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor as _SingleRoIExtractor
from torch import Tensor


class RPNHead(_RPNHead):
    """mmdet's ``RPNHead`` with float32 scores and offsets.

    Anchors and proposals are then float32, too.
    """

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute scores (N, A, H, W) and offsets (N, 4 A, H, W) of A anchors from (N, C, H, W)."""
        scores, offsets = super().forward_single(x)
        return scores.float(), offsets.float()


class SingleRoIExtractor(_SingleRoIExtractor):
    """mmdet's ``SingleRoIExtractor``, which computes in float32."""

    def forward(
        self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None
    ) -> Tensor:
        """Pool the features of each region from the map of its scale.

        Args:
            feats: maps (N, C, H, W), one per level.
            rois: (R, 5), the index of the image and the box corners in pixels.
            roi_scale_factor: see mmdet.

        Returns:
            (R, C, side, side), float32.
        """
        return super().forward(tuple(x.float() for x in feats), rois, roi_scale_factor)
