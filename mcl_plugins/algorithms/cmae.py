"""CMAE: Contrastive Masked Autoencoders are Stronger Vision Learners (Huang et al., TPAMI 2023)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..mask_generators import PatchMask
from ..necks.masked_decoder import check_pixels
from ..registry import MODELS, build_part
from ..targets import EMA
from .base import ReconstructingMethod


@MODELS.register_module()
class CMAE(ReconstructingMethod):
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

    views = ('online', 'target')
    ema: EMA

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
        super().__init__(
            backbone,
            mask_generator=mask_generator,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.pixel_decoder = build_part(pixel_decoder)
        self.feature_decoder = build_part(feature_decoder)
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.pixel_head = build_part(pixel_head)
        self.contrast_head = build_part(contrast_head)
        self.target_mask_generator = build_part(target_mask_generator)
        self.ema = EMA(momentum, backbone=self.backbone, projector=self.projector)
        self.ema.backbone.drop_final_norm()
        self._join_decoders(share_decoder_blocks)

    def losses(self, online: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Reconstruct the hidden patches and match the completed features to the target's.

        Args:
            online: (N, 3, H, W), of which a part is hidden.
            target: (N, 3, H, W), slightly shifted and recoloured.
        """
        mask = self.draw_mask(online)
        (tokens,) = self.backbone(online, mask)  # (N, 1 + V, D)

        ids_restore = mask.ids_restore
        pixels = self.pixel_decoder(tokens, ids_restore)  # (N, L, 3 p^2)
        loss_pixel = self.pixel_head.loss(pixels, online, mask.mask)

        if self.feature_decoder is None:
            features = self._patches(tokens)
        else:
            features = self.feature_decoder(tokens, ids_restore)  # (N, L, D)
        (projection,) = self.projector((features.mean(dim=1),))
        (prediction,) = self.predictor((projection,))  # (N, C)

        with torch.no_grad():
            key = self._key(target)  # (N, C)
        return {'loss_pixel': loss_pixel, **self.contrast_head(prediction, key)}

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """Hide a part of online views and let the pixel decoder fill it in; see the base class."""
        mask = self.draw_mask(images)
        (tokens,) = self.backbone(images, mask)
        return self.pixel_decoder(tokens, mask.ids_restore), mask

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
            grid = self.backbone.mask_grid
            mask = self.target_mask_generator(len(images), grid, images.device)
        (tokens,) = self.ema.backbone(images, mask)
        (key,) = self.ema.projector((self._patches(tokens).mean(dim=1),))
        return key

    def _patches(self, tokens: Tensor) -> Tensor:
        """The tokens without the class token."""
        return tokens[:, self.backbone.num_extra_tokens :]
