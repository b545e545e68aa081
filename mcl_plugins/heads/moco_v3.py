"""mmpretrain's MoCo v3 head, computed in float32."""

from __future__ import annotations

from typing import ClassVar

import torch
from mmpretrain.models.heads import MoCoV3Head as _MoCoV3Head
from torch import Tensor

from ..registry import MODELS
from ..utils.similarity import l2_normalize
from .info_nce import in_batch_info_nce


@MODELS.register_module()
class MoCoV3Head(_MoCoV3Head):
    """mmpretrain's MoCo v3 head, but similarities and loss are float32 even under autocast.

    mmpretrain computes them in the precision of the encoder. In bfloat16 a logit would have only
    two to three significant digits. The arguments are those of mmpretrain's head.

    Example:
        >>> predictor = dict(type='mmpretrain.NonLinearNeck', in_channels=8, hid_channels=8,
        ...                  out_channels=8, with_avg_pool=False)
        >>> loss = dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.4)
        >>> head = MoCoV3Head(predictor, loss, temperature=0.2)
        >>> same = torch.ones(4, 8)
        >>> head.loss(same, same).detach()  # 0.4 ln 4
        tensor(0.5545)
    """

    compares_images: ClassVar[bool] = True  # the negatives are the other images of the batch

    def forward(self, base_out: Tensor, momentum_out: Tensor) -> dict[str, Tensor]:
        """Compute InfoNCE in one direction, against the keys of all processes.

        Args:
            base_out: (N, C) projections of the base encoder; the head applies the predictor to
                them.
            momentum_out: (N, C) projections of the momentum encoder; no gradient flows into them.

        Returns:
            Float32 scalars: ``loss_contrast``; ``chance``, the loss of a network that cannot
            distinguish the keys, with the same weight; ``top1`` and ``key_spread``.
        """
        (prediction,) = self.predictor((base_out,))
        with torch.autocast(prediction.device.type, enabled=False):
            query, key = l2_normalize(prediction), l2_normalize(momentum_out.detach())
            result = in_batch_info_nce(query, key, self.temperature)
        weight = self.loss_module.loss_weight
        scaled = {name: weight * result[name] for name in ('loss_contrast', 'chance')}
        return {**result, **scaled}

    def loss(self, base_out: Tensor, momentum_out: Tensor) -> Tensor:
        """Return the loss of :meth:`forward` alone; mmpretrain's ``MoCoV3`` calls this."""
        return self(base_out, momentum_out)['loss_contrast']
