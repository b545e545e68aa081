"""MoCo v3: An Empirical Study of Training Self-Supervised ViTs (Chen et al., ICCV 2021)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint.mocov3 import THEIR_STEPS
from ..heads.info_nce import symmetrise
from ..registry import MODELS
from ..targets import EMA
from .base import PretrainingMethod


@MODELS.register_module()
class MoCoV3(PretrainingMethod):
    """Contrast the prediction of each view with the key of the other view, among a batch's keys.

    The keys come from the target, the EMA of encoder and projector, in train mode. The loss is
    symmetrised: both directions are added. Loss and arguments are those of mmpretrain's class of
    this name. That class moves the target in each forward pass, with gradient accumulation several
    times per step of the optimizer; here it moves after the step, once. Its checkpoints can be
    loaded and resumed.

    Args:
        backbone: a ViT whose output is the class token.
        neck: projector, from (N, D) class tokens to (N, C); its EMA is used for the target.
        head: a :class:`~mcl_plugins.heads.MoCoV3Head`, which contains the predictor.
        base_momentum: 1 - m at the start, with the momentum m of the papers, which rises to 1 on a
            half cosine.
        data_preprocessor: makes the two views.

    Raises:
        ValueError: ``base_momentum`` is outside [0, 1].
    """

    views = ('first', 'second')
    ema: EMA

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        base_momentum: float = 0.01,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone, neck, head, data_preprocessor=data_preprocessor, init_cfg=init_cfg
        )
        momentum = dict(start=1 - base_momentum)
        self.ema = EMA(momentum, backbone=self.backbone, neck=self.neck)

    def losses(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Contrast the prediction of each view with the key of the other view.

        Args:
            first: (N, 3, H, W).
            second: (N, 3, H, W), another crop of the same images.

        Returns:
            The head's loss and monitors, with both directions combined.
        """
        queries = [self.neck(self.backbone(view))[0] for view in (first, second)]  # (N, C) each
        with torch.no_grad():
            keys = [self.ema.neck(self.ema.backbone(view))[0] for view in (first, second)]
        return symmetrise(*map(self.head, queries, keys[::-1]))

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """Projector and predictor, which get the feature of each image."""
        return self.neck, self.head.predictor

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load weights, also those of mmpretrain's class, which counts the moves of its target."""
        state_dict.pop(prefix + THEIR_STEPS, None)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
