"""mmpretrain's MoCo v3 head in float32."""

from __future__ import annotations

import torch
from mmpretrain.models.heads import MoCoV3Head as _MoCoV3Head
from torch import Tensor

from ..registry import MODELS
from ..utils.similarity import l2_normalize
from .info_nce import in_batch_info_nce


@MODELS.register_module()
class MoCoV3Head(_MoCoV3Head):
    """mmpretrain's head, with similarities and loss in float32 also under autocast.

    Theirs are in the precision of the encoder: in bfloat16 a similarity over 0.2 has two digits.
    """

    def loss(self, base_out: Tensor, momentum_out: Tensor) -> Tensor:
        """InfoNCE of one direction over the keys of all processes.

        Args:
            base_out: (N, C) projections of the base encoder, which the predictor takes.
            momentum_out: (N, C) projections of the momentum encoder, no gradient.
        """
        (prediction,) = self.predictor((base_out,))
        with torch.autocast(prediction.device.type, enabled=False):
            query, key = l2_normalize(prediction), l2_normalize(momentum_out.detach())
            loss = in_batch_info_nce(query, key, self.temperature)['loss_contrast']
        return self.loss_module.loss_weight * loss
