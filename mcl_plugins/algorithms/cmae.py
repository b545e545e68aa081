"""CMAE: Contrastive Masked Autoencoders are Stronger Vision Learners (Huang et al., TPAMI 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..necks.masked_decoder import check_pixels
from ..registry import MODELS, build_part
from ..targets import EMA
from .base import ReconstructingMethod


@MODELS.register_module()
class CMAE(ReconstructingMethod):
    """A masked autoencoder with a contrastive loss between images.

    The online encoder encodes the visible patches of one view. From its tokens, the pixel decoder
    reconstructs the masked patches, and the feature decoder predicts features of all patches. The
    mean of these features is contrasted with the target's mean feature. The target is the EMA of
    the encoder without its final norm, and encodes a whole view that is slightly shifted and has
    other colours.

    Args:
        backbone: encoder of the visible patches, called as ``backbone(images, mask)``.
        pixel_decoder: from the encoder's tokens to the pixels of every patch.
        feature_decoder: from the encoder's tokens to features of its width for every patch; with
            None the visible tokens themselves are used (Table 4c, depth 0).
        projector: from (N, D) to (N, C), for the online branch; its EMA is used for the target.
        predictor: from (N, C) to (N, C), for the online branch only.
        pixel_head: loss between the reconstruction and the online view.
        contrast_head: loss between the predictions and the target's projections.
        mask_generator: draws the mask of the online view.
        target_mask_generator: masks the target view too (Table 4e); with None nothing of it is
            masked.
        share_decoder_blocks: the feature decoder uses the first blocks of the pixel decoder
            (Table 4c, "shared").
        momentum: ``start`` and ``end`` of the target's EMA momentum; constant in the paper.
        data_preprocessor: makes the two views.

    Raises:
        ValueError: the parts do not fit together.
    """

    views = ('online', 'target')
    encoder_output = 'the visible tokens'
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
        """Reconstruct the masked patches and contrast the mean feature with the target's.

        Args:
            online: (N, 3, H, W), the view that is masked.
            target: (N, 3, H, W), the same images, slightly shifted and in other colours.

        Returns:
            ``loss_pixel``, and the contrast head's loss and monitors.
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
        """Mask online views and reconstruct them with the pixel decoder; see the base class."""
        mask = self.draw_mask(images)
        (tokens,) = self.backbone(images, mask)
        return self.pixel_decoder(tokens, mask.ids_restore), mask

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """Projector and predictor, which get the mean feature of each image."""
        return self.projector, self.predictor

    def _join_decoders(self, share_decoder_blocks: bool) -> None:
        """Check that the decoders fit the encoder; share their blocks if asked for."""
        check_pixels(self.backbone, self.pixel_decoder, self.pixel_head)
        if self.feature_decoder is not None:
            self.feature_decoder.check_encoder(self.backbone)
            self.feature_decoder.check_output(
                self.backbone.embed_dims, "set predict_feature_dim to the encoder's width"
            )
        if not share_decoder_blocks:
            return
        if self.feature_decoder is None:
            raise ValueError(
                'share_decoder_blocks=True needs a feature_decoder, which is None: configure one '
                'or set share_decoder_blocks=False.'
            )
        self.feature_decoder.share_blocks(self.pixel_decoder)

    def _key(self, images: Tensor) -> Tensor:
        """Project target views (N, 3, H, W) to keys (N, C), with BatchNorm in train mode."""
        mask = None
        if self.target_mask_generator is not None:
            grid = self.backbone.mask_grid
            mask = self.target_mask_generator(len(images), grid, images.device)
        (tokens,) = self.ema.backbone(images, mask)
        (key,) = self.ema.projector((self._patches(tokens).mean(dim=1),))
        return key

    def _patches(self, tokens: Tensor) -> Tensor:
        """Remove the class token, if there is one."""
        return tokens[:, self.backbone.num_extra_tokens :]
