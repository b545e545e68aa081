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
    """Contrastive learning with MoCo v2's queue and BYOL's asymmetric encoders.

    The positive key of a view's prediction is the target's projection of the other view; the
    negatives are earlier keys of that other view, from a queue. The target is the EMA of encoder
    and projector, in train mode and without drop path. As in the released code, keys are computed
    with a target that the last optimizer step has already updated. The loss is symmetrised: both
    directions are added.

    Args:
        backbone: encoder.
        projector: from the encoder's output to (N, C), for the online branch; its EMA is used for
            the target.
        predictor: from (N, C) to (N, C), for the online branch only.
        contrast_head: loss between predictions, keys and the keys of a queue.
        queue: ``dim`` and ``length`` of each view's queue.
        momentum: ``start`` and ``end`` of the target's cosine momentum.
        mask_generator: for subclasses that mask a view; MoBY masks nothing.
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

        In train mode the keys are then added to the queues.

        Args:
            *views: two views of the same images, (N, 3, H, W) each.

        Returns:
            The contrast head's loss and monitors, with both directions combined.
        """
        queries = [self._query(view) for view in views]  # (N, C) each
        with torch.no_grad():
            keys = [self._key(view) for view in views]  # (N, C) each
        first, second = (
            self.contrast_head(query, key, queue.keys)
            for query, key, queue in zip(queries, keys[::-1], self.queues[::-1], strict=True)
        )
        if self.training:  # an evaluation between two steps leaves the negatives as they are
            for queue, key in zip(self.queues, keys, strict=True):
                queue.enqueue(key)
        return symmetrise(first, second)

    def _check_encoder(self) -> None:
        """Raise a ValueError if the encoder returns tokens, which the projector cannot take."""
        super()._check_encoder()
        returned = getattr(self.backbone, 'masked_output', None)
        if returned == 'one map':
            return
        if returned or getattr(self.backbone, 'out_type', None) == 'raw':
            raise ValueError(
                f'{type(self).__name__} needs an encoder that returns a map or one vector for each '
                f'image, but model.backbone is a {type(self.backbone).__name__}, which returns its '
                'tokens: set model.backbone.type to mcl_plugins.SwinTransformer or '
                "mcl_plugins.DeiT, or out_type='cls_token' of a vision transformer."
            )

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """Projector and predictor, which get the feature of each image."""
        return self.projector, self.predictor

    def _query(self, images: Tensor) -> Tensor:
        """Compute the predictions (N, C) of views (N, 3, H, W)."""
        (prediction,) = self.predictor(self.projector(self.backbone(images)))
        return prediction

    def _key(self, images: Tensor) -> Tensor:
        """Compute the target's L2-normalised keys (N, C) of views, with BatchNorm in train mode."""
        (key,) = self.ema.projector(self.ema.backbone(images))
        return l2_normalize(key)


@MODELS.register_module()
class SimMIMMoBY(MoBY):
    """SimMIM and MoBY trained together on one encoder: the multi-task baseline of MimCo, Table 10.

    SimMIM's loss is computed on a lightly augmented, masked view and MoBY's loss on two strongly
    augmented views. The paper does not describe more. That both losses are added, and that SimMIM
    has a view of its own, are assumptions; the paper counts 3 effective epochs per epoch, which
    means three views.

    Args:
        backbone: encoder with a mask token, called as ``backbone(images, mask)``.
        neck: decoder from the encoder's map to pixels.
        head: loss between pixels and image, called with the (N, rows, columns) mask.
        mask_generator: draws the mask of the light view.
        **contrast: the other arguments of :class:`MoBY`.
    """

    views = ('light', 'first strong', 'second strong')
    encoder_output = 'one map'
    needs_mask = True

    def __init__(
        self, backbone: dict, neck: dict, head: dict, mask_generator: dict, **contrast: Any
    ) -> None:
        super().__init__(backbone, mask_generator=mask_generator, **contrast)
        self.neck = build_part(neck)
        self.head = build_part(head)

    def losses(self, *views: Tensor) -> dict[str, Tensor]:
        """Reconstruct the masked light view and contrast the two strong views.

        Args:
            *views: the light view, which is masked, and the two strong views, (N, 3, H, W) each.

        Returns:
            ``loss_pixel``, and the loss and monitors of :class:`MoBY`.
        """
        light, *strong = views
        mask = self.draw_mask(light)
        assert mask is not None
        (tokens,) = self.backbone(light, mask)  # (N, D, rows, columns)
        pixels = self.neck(tokens)  # (N, 3, H, W)
        masked = mask.mask.unflatten(1, self.backbone.mask_grid)
        loss_pixel = self.head.loss(pixels, light, masked)
        return {'loss_pixel': loss_pixel, **super().losses(*strong)}
