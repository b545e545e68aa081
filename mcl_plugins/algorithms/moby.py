"""MoBY: Self-Supervised Learning with Swin Transformers (Xie et al., 2021)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..heads.info_nce import symmetrise
from ..registry import MODELS, build_part
from ..targets import EMA, FeatureQueue
from ..targets.ema import disable_drop_path
from ..utils.similarity import l2_normalize
from .base import PretrainingMethod


@MODELS.register_module()
class MoBY(PretrainingMethod):
    """MoCo v2's queue and BYOL's asymmetry: draw two views of an image together.

    The prediction of each view is compared with the target's projection of the other and with the
    queue of earlier keys of that other view. The target is the EMA of encoder and projector, in
    train mode and without drop path. It moves after each optimizer step, so the keys come from
    weights that already follow the online ones, as in the released code.

    Args:
        backbone: encoder, whose output the projector takes.
        projector: from the encoder's output to (N, C), online and, as an EMA, in the target.
        predictor: from (N, C) to (N, C), online only.
        contrast_head: compares predictions with keys and a queue.
        queue: ``dim`` and ``length`` of each view's queue.
        momentum: ``start`` and ``end`` of the target's cosine momentum.
        mask_generator: for subclasses that hide a part of a view.
        data_preprocessor: makes the two views.
    """

    views: ClassVar[tuple[str, ...]] = ('first', 'second')
    ema: EMA

    def __init__(
        self,
        backbone: dict,
        projector: dict,
        predictor: dict,
        contrast_head: dict,
        queue: dict,
        momentum: dict,
        mask_generator: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone,
            mask_generator=mask_generator,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.contrast_head = build_part(contrast_head)
        self.queues: Any = nn.ModuleList(FeatureQueue(**queue, seed=view) for view in range(2))
        self.ema = EMA(momentum, backbone=self.backbone, projector=self.projector)
        disable_drop_path(self.ema.backbone)

    def losses(self, *views: Tensor) -> dict[str, Tensor]:
        """Contrast each view's prediction with the other view's key and with earlier keys.

        Args:
            *views: two views, (N, 3, H, W) each.
        """
        queries = [self._query(view) for view in views]  # (N, C) each
        with torch.no_grad():
            keys = [self._key(view) for view in views]  # (N, C) each
        first, second = (
            self.contrast_head(query, key, queue.keys)
            for query, key, queue in zip(queries, keys[::-1], self.queues[::-1], strict=True)
        )
        for queue, key in zip(self.queues, keys, strict=True):
            queue.enqueue(key)
        return symmetrise(first, second)

    def _query(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C) predictions."""
        (prediction,) = self.predictor(self.projector(self.backbone(images)))
        return prediction

    def _key(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C) L2-normalised keys of the target; BatchNorm in train mode."""
        (key,) = self.ema.projector(self.ema.backbone(images))
        return l2_normalize(key)


@MODELS.register_module()
class SimMIMMoBY(MoBY):
    """SimMIM and MoBY trained together on one encoder: the multi-task baseline of MimCo, Table 10.

    The encoder reconstructs the hidden pixels of a lightly augmented view, and contrasts two strong
    ones. The paper says no more; the sum of both losses and the third view, which its count of
    effective epochs asks for (3 an epoch), are our reading.

    Args:
        backbone: encoder with a mask token, called ``backbone(images, mask)``.
        neck: from its map to pixels.
        head: loss between pixels and image, called with the (N, rows, columns) mask.
        mask_generator: draws the light view's mask.
        **contrast: MoBY's arguments.
    """

    views = ('light', 'first strong', 'second strong')

    def __init__(
        self, backbone: dict, neck: dict, head: dict, mask_generator: dict, **contrast: Any
    ) -> None:
        super().__init__(backbone, mask_generator=mask_generator, **contrast)
        self.neck = build_part(neck)
        self.head = build_part(head)

    def losses(self, *views: Tensor) -> dict[str, Tensor]:
        """Reconstruct the light view and contrast the strong ones.

        Args:
            *views: the light view, of which a part is hidden, and the two strong ones,
                (N, 3, H, W) each.
        """
        light, *strong = views
        mask = self.draw_mask(light)
        assert mask is not None, 'SimMIMMoBY needs a mask_generator.'
        (tokens,) = self.backbone(light, mask)  # (N, D, rows, columns)
        pixels = self.neck(tokens)  # (N, 3, H, W)
        hidden = mask.mask.unflatten(1, self.backbone.mask_grid)
        loss_pixel = self.head.loss(pixels, light, hidden)
        return {'loss_pixel': loss_pixel, **super().losses(*strong)}
