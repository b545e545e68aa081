"""MoBY: Self-Supervised Learning with Swin Transformers (Xie et al., 2021)."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor, nn

from ..heads.info_nce import add_directions
from ..mask_generators import PatchMask
from ..preprocessors.multi_view import take_views
from ..registry import MODELS, build_part
from ..targets.ema import MomentumSchedule, MomentumTeacher, disable_drop_path
from ..targets.feature_queue import FeatureQueue
from ..utils.similarity import l2_normalize


@MODELS.register_module()
class MoBY(BaseSelfSupervisor):
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
        data_preprocessor: makes the two views.
    """

    def __init__(
        self,
        backbone: dict,
        projector: dict,
        predictor: dict,
        contrast_head: dict,
        queue: dict,
        momentum: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.contrast_head = build_part(contrast_head)
        self.queues: Any = nn.ModuleList(FeatureQueue(**queue, seed=view) for view in range(2))
        self.momentum = MomentumSchedule(**momentum)
        self.target = MomentumTeacher(backbone=self.backbone, projector=self.projector)
        disable_drop_path(self.target.backbone)

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Loss and monitors of a batch.

        Args:
            inputs: two views, (N, 3, H, W) each.
            data_samples: not used.
        """
        inputs = take_views(inputs, 'first', 'second')
        queries = [self._query(view) for view in inputs]  # (N, C) each
        with torch.no_grad():
            keys = [self._key(view) for view in inputs]  # (N, C) each
        first, second = (
            self.contrast_head(query, key, queue.keys)
            for query, key, queue in zip(queries, keys[::-1], self.queues[::-1], strict=True)
        )
        for queue, key in zip(self.queues, keys, strict=True):
            queue.enqueue(key)
        result = add_directions(first, second)
        return {'loss_contrast': result.pop('loss'), **result}

    def update_teacher(self, step: int, total: int) -> None:
        """Move the target, after the optimizer's ``step`` (0-based) out of ``total``."""
        self.target.update(self.momentum(step, total))

    def _query(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C) predictions."""
        (prediction,) = self.predictor(self.projector(self.backbone(images)))
        return prediction

    def _key(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C) unit vectors of the target; BatchNorm in train mode."""
        (key,) = self.target.projector(self.target.backbone(images))
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

    def __init__(
        self, backbone: dict, neck: dict, head: dict, mask_generator: dict, **contrast: Any
    ) -> None:
        super().__init__(backbone, **contrast)
        self.neck = build_part(neck)
        self.head = build_part(head)
        self.mask_generator = build_part(mask_generator)

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Losses and monitors of a batch.

        Args:
            inputs: the light view and the two strong ones, (N, 3, H, W) each.
            data_samples: not used.
        """
        light, *strong = take_views(inputs, 'light', 'strong', 'strong')
        mask = self.draw_mask(light)
        (tokens,) = self.backbone(light, mask)  # (N, D, rows, columns)
        pixels = self.neck(tokens)  # (N, 3, H, W)
        hidden = mask.hidden.unflatten(1, self.backbone.mask_grid)
        loss_pixel = self.head.loss(pixels, light, hidden)
        return {'loss_pixel': loss_pixel, **super().loss(strong)}

    def draw_mask(self, images: Tensor) -> PatchMask:
        """The mask of a batch of light views."""
        return self.mask_generator(len(images), self.backbone.mask_grid, images.device)
