"""ccMIM: Contextual Image Masking Modeling via Synergized Contrasting (Zhang et al., ICLR 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..backbones.vit import IMPORTANCE, MaskedViT
from ..mask_generators import ImportanceMask, PatchMask
from ..necks.masked_decoder import check_pixels
from ..registry import MODELS, build_part
from ..utils.checks import check_choice
from .base import ReconstructingMethod


@MODELS.register_module()
class CcMIM(ReconstructingMethod):
    """A masked autoencoder that masks important patches and contrasts them with the visible ones.

    The importance of a patch is the attention that the class token pays to it when the encoder
    encodes the whole image. The more important a patch is, the more likely it is masked. The
    encoder then encodes the visible patches, from which the decoder reconstructs the masked ones.
    It also encodes the masked patches alone, without gradient. The contrastive loss makes the class
    tokens of the visible and the masked patches of an image similar.

    Args:
        backbone: a :class:`MaskedViT`.
        decoder: from the visible tokens to the pixels of every patch.
        projector: from (N, D) class tokens to (N, C). The visible and the masked patches go through
            it separately, so each batch has its own BatchNorm statistics.
        pixel_head: loss between the reconstruction and the image.
        contrast_head: loss between the features of the visible and of the masked patches.
        mask_generator: an :class:`ImportanceMask`, or a generator that does not depend on the image
            (Table 5, "random" and "block-wise").
        predictor: from (N, C) to (N, C), applied to the visible patches' features (Eq. 8); None for
            InfoNCE.
        importance: ``blocks``, ``kind`` and ``scale`` of :meth:`MaskedViT.class_attention`; by
            default the attention probabilities of all blocks are added, as in the released code.
        data_preprocessor: makes the one view.

    Raises:
        ValueError: the parts do not fit together, or ``importance`` is unknown or not used.
    """

    views = ('image',)
    encoder_output = 'the visible tokens'
    encoder_class = MaskedViT

    def __init__(
        self,
        backbone: dict,
        decoder: dict,
        projector: dict,
        pixel_head: dict,
        contrast_head: dict,
        mask_generator: dict,
        predictor: dict | None = None,
        importance: dict | None = None,
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
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.pixel_head = build_part(pixel_head)
        self.contrast_head = build_part(contrast_head)
        self.importance = importance or {}
        check_pixels(self.backbone, self.decoder, self.pixel_head)
        self._check_importance()

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Reconstruct the masked patches and contrast the visible patches with them.

        Args:
            image: (N, 3, H, W).

        Returns:
            ``loss_pixel``, and the contrast head's loss and monitors.
        """
        patches = self.backbone.embed(image)  # (N, L, D)
        mask = self._draw_mask(patches)

        tokens = self.backbone.encode(patches, mask.ids_keep)  # (N, 1 + V, D)
        pixels = self.decoder(tokens, mask.ids_restore)  # (N, L, 3 p^2)
        loss_pixel = self.pixel_head.loss(pixels, image, mask.mask)

        (visible,) = self.projector((tokens[:, 0],))  # (N, C)
        if self.predictor is not None:
            (visible,) = self.predictor((visible,))
        with torch.no_grad():
            tokens = self.backbone.encode(patches, mask.ids_mask)  # (N, 1 + L - V, D)
            (masked,) = self.projector((tokens[:, 0],))  # (N, C)
        return {'loss_pixel': loss_pixel, **self.contrast_head(visible, masked)}

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """Mask a batch of images and reconstruct it; see the base class."""
        patches = self.backbone.embed(images)
        mask = self._draw_mask(patches)
        tokens = self.backbone.encode(patches, mask.ids_keep)
        return self.decoder(tokens, mask.ids_restore), mask

    def draw_mask(self, images: Tensor) -> PatchMask:
        """Draw the mask of a batch of images (N, 3, H, W)."""
        return self._draw_mask(self.backbone.embed(images))

    def compute_importance(self, images: Tensor) -> Tensor | None:
        """Compute the importance of each patch; None unless the mask generator uses it."""
        if not isinstance(self.mask_generator, ImportanceMask):
            return None
        return self._importance(self.backbone.embed(images))

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """Projector and predictor, which get the class token of each image."""
        return self.projector, self.predictor

    def _check_importance(self) -> None:
        """Raise a ValueError unless the importances can be computed and the masks use them."""
        if self.importance and not isinstance(self.mask_generator, ImportanceMask):
            raise ValueError(
                f'importance={self.importance} has no effect with '
                f'{type(self.mask_generator).__name__}; use an ImportanceMask, or remove '
                'importance from the config.'
            )
        for name, value in self.importance.items():
            check_choice('importance', name, IMPORTANCE)
            check_choice(f'importance.{name}', value, IMPORTANCE[name])

    def _draw_mask(self, patches: Tensor) -> PatchMask:
        if isinstance(self.mask_generator, ImportanceMask):
            return self.mask_generator(self._importance(patches))
        return self.mask_generator(len(patches), self.backbone.mask_grid, patches.device)

    def _importance(self, patches: Tensor) -> Tensor:
        return self.backbone.class_attention(patches, **self.importance)
