"""MAE: masked autoencoder with any encoder that takes a mask, such as ConvMAE's."""

from __future__ import annotations

import torch
from torch import Tensor

from ..mask_generators import PatchMask
from ..necks.masked_decoder import check_pixels
from ..registry import MODELS, build_part
from .base import ReconstructingMethod


@MODELS.register_module()
class MaskedAutoencoder(ReconstructingMethod):
    """MAE (He et al., CVPR 2022), with which the papers compare.

    For a plain ViT the configs use mmpretrain's ``MAE``. This class takes the other encoders of
    this package: with :class:`MaskedConvViT` it is ConvMAE.

    Args:
        backbone: encoder of the visible patches, called as ``backbone(images, mask)``.
        decoder: from the visible tokens to the pixels of every patch.
        pixel_head: loss between the reconstruction and the image.
        mask_generator: draws the mask.
        data_preprocessor: makes the one view.

    Raises:
        ValueError: the parts do not fit together.
    """

    views = ('image',)

    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        pixel_head: dict,
        mask_generator: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone,
            mask_generator=mask_generator,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.decoder = build_part(decoder)
        self.pixel_head = build_part(pixel_head)
        check_pixels(self.backbone, self.decoder, self.pixel_head)

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Reconstruct the masked patches.

        Args:
            image: (N, 3, H, W).

        Returns:
            ``loss_pixel``.
        """
        pixels, mask = self._reconstruct(image)
        return {'loss_pixel': self.pixel_head.loss(pixels, image, mask.mask)}

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """Mask images and reconstruct them; see the base class."""
        return self._reconstruct(images)

    def _reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        mask = self.draw_mask(images)
        (tokens,) = self.backbone(images, mask)  # (N, V, D), with a class token if there is one
        return self.decoder(tokens, mask.ids_restore), mask  # (N, L, 3 p^2)
