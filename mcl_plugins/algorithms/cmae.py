"""CMAE: Contrastive Masked Autoencoders are Stronger Vision Learners (Huang et al., TPAMI 2023)."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor

from ..mask_generators import PatchMask
from ..necks.masked_decoder import check_pixels
from ..preprocessors.multi_view import take_views
from ..registry import MODELS, build_part
from ..targets.ema import MomentumSchedule, MomentumTeacher


@MODELS.register_module()
class CMAE(BaseSelfSupervisor):
    """A masked autoencoder whose encoder also tells images apart.

    The online encoder sees the visible patches of one view. From its tokens the pixel decoder
    reconstructs the hidden patches, and the feature decoder completes the features, whose mean is
    matched to that of the target: the EMA of the encoder, without final norm, on the whole of a
    slightly shifted, recoloured view.

    Args:
        backbone: encoder of visible patches, called ``backbone(images, mask)``.
        pixel_decoder: from its tokens to the pixels of every patch.
        feature_decoder: from its tokens to features of the encoder's width for every patch; None
            takes the visible tokens as they are (Table 4c, depth 0).
        projector: from (N, D) to (N, C), online and, as an EMA, in the target.
        predictor: from (N, C) to (N, C), online only.
        pixel_head: loss between the reconstruction and the online view.
        contrast_head: loss between predictions and the target's projections.
        mask_generator: draws the online view's mask.
        target_mask_generator: hides patches from the target too (Table 4e); None shows all.
        share_decoder_blocks: the feature decoder's blocks are the pixel decoder's first ones
            (Table 4c, "shared").
        momentum: ``start`` and ``end`` of the target's momentum; the paper's is constant.
        data_preprocessor: makes the two views.
    """

    def __init__(
        self,
        backbone: dict,
        pixel_decoder: dict,
        feature_decoder: dict | None,
        projector: dict,
        predictor: dict,
        pixel_head: dict,
        contrast_head: dict,
        mask_generator: dict,
        momentum: dict,
        target_mask_generator: dict | None = None,
        share_decoder_blocks: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.pixel_decoder = build_part(pixel_decoder)
        self.feature_decoder = build_part(feature_decoder)
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.pixel_head = build_part(pixel_head)
        self.contrast_head = build_part(contrast_head)
        self.mask_generator = build_part(mask_generator)
        self.target_mask_generator = build_part(target_mask_generator)
        self.momentum = MomentumSchedule(**momentum)
        self.target = MomentumTeacher(backbone=self.backbone, projector=self.projector)
        self.target.backbone.drop_final_norm()
        self._join_decoders(share_decoder_blocks)

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Losses and monitors of a batch.

        Args:
            inputs: the online and the target view, (N, 3, H, W) each.
            data_samples: not used.
        """
        online_view, target_view = take_views(inputs, 'online', 'target')
        mask = self.draw_mask(online_view)
        (tokens,) = self.backbone(online_view, mask)  # (N, 1 + V, D)

        restore_ids = mask.restore_ids
        pixels = self.pixel_decoder(tokens, restore_ids)  # (N, L, 3 p^2)
        loss_pixel = self.pixel_head.loss(pixels, online_view, mask.hidden)

        if self.feature_decoder is None:
            features = self._patches(tokens)
        else:
            features = self.feature_decoder(tokens, restore_ids)  # (N, L, D)
        (projection,) = self.projector((features.mean(dim=1),))
        (prediction,) = self.predictor((projection,))  # (N, C)

        with torch.no_grad():
            key = self._key(target_view)  # (N, C)
        return {'loss_pixel': loss_pixel, **self.contrast_head(prediction, key)}

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """What the pixel decoder makes of a batch of online views.

        Args:
            images: (N, 3, H, W), normalised.

        Returns:
            (N, L, 3 p^2), every patch in the form of the pixel head's target, and the mask.
        """
        mask = self.draw_mask(images)
        (tokens,) = self.backbone(images, mask)
        return self.pixel_decoder(tokens, mask.restore_ids), mask

    def draw_mask(self, images: Tensor) -> PatchMask:
        """The mask of a batch of online views."""
        return self.mask_generator(len(images), self.backbone.patch_resolution, images.device)

    def update_teacher(self, step: int, total: int) -> None:
        """Move the target, after the optimizer's ``step`` (0-based) out of ``total``."""
        self.target.update(self.momentum(step, total))

    def _join_decoders(self, share_decoder_blocks: bool) -> None:
        """Check that the decoders fit the encoder, and let them share blocks if they should."""
        check_pixels(self.backbone, self.pixel_decoder, self.pixel_head)
        if self.feature_decoder is not None:
            self.feature_decoder.check_encoder(self.backbone)
            self.feature_decoder.check_output(
                self.backbone.embed_dims, "set predict_feature_dim to the encoder's width"
            )
        if not share_decoder_blocks:
            return
        if self.feature_decoder is None:
            raise ValueError('share_decoder_blocks=True needs a feature_decoder, which is None.')
        self.feature_decoder.share_blocks(self.pixel_decoder)

    def _key(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) target views -> (N, C) projections; BatchNorm in train mode."""
        mask = None
        if self.target_mask_generator is not None:
            grid = self.backbone.patch_resolution
            mask = self.target_mask_generator(len(images), grid, images.device)
        (tokens,) = self.target.backbone(images, mask)
        (key,) = self.target.projector((self._patches(tokens).mean(dim=1),))
        return key

    def _patches(self, tokens: Tensor) -> Tensor:
        """The tokens without the class token."""
        return tokens[:, self.backbone.num_extra_tokens :]
