"""ccMIM: Contextual Image Masking Modeling via Synergized Contrasting (Zhang et al., ICLR 2023)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..backbones.vit import IMPORTANCE, MaskedViT
from ..mask_generators import ImportanceMask, PatchMask
from ..necks.masked_decoder import check_pixels
from ..registry import MODELS, build_part
from ..utils.checks import check_choice
from .base import ReconstructingMethod


@MODELS.register_module()
class CcMIM(ReconstructingMethod):
    """A masked autoencoder that hides what matters and compares it with what is left.

    The class token's attention to each patch, when the encoder sees the whole image, is the
    patch's importance; important patches are likely to be hidden. The encoder then sees the
    visible patches, from which the decoder reconstructs the hidden ones, and, without gradient,
    the hidden patches by themselves. The class tokens of the two sets are drawn together.

    Args:
        backbone: a :class:`MaskedViT`.
        decoder: from the visible tokens to the pixels of every patch.
        projector: from (N, D) class tokens to (N, C), for both sets, each with its own
            BatchNorm statistics.
        pixel_head: loss between the reconstruction and the image.
        contrast_head: loss between the visible set's features and the hidden set's.
        mask_generator: an :class:`ImportanceMask`, or one that does not look at the image
            (Table 5, "random" and "block-wise").
        predictor: from (N, C) to (N, C), on the visible set (Eq. 8); None for InfoNCE.
        importance: ``blocks`` and ``kind`` of :meth:`MaskedViT.class_attention`; by default the
            probabilities of all blocks are added, as in the released code.
        data_preprocessor: makes the one view.
    """

    views = ('image',)

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
        """Reconstruct the hidden patches and contrast the visible ones with them.

        Args:
            image: (N, 3, H, W).
        """
        patches = self.backbone.embed(image)  # (N, L, D)
        mask = self._mask_of(patches)

        tokens = self.backbone.encode(patches, mask.ids_keep)  # (N, 1 + V, D)
        pixels = self.decoder(tokens, mask.ids_restore)  # (N, L, 3 p^2)
        loss_pixel = self.pixel_head.loss(pixels, image, mask.mask)

        (visible,) = self.projector((tokens[:, 0],))  # (N, C)
        if self.predictor is not None:
            (visible,) = self.predictor((visible,))
        with torch.no_grad():
            tokens = self.backbone.encode(patches, mask.ids_mask)  # (N, 1 + L - V, D)
            (hidden,) = self.projector((tokens[:, 0],))  # (N, C)
        return {'loss_pixel': loss_pixel, **self.contrast_head(visible, hidden)}

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """Hide a part of a batch of images and let the decoder fill it in; see the base class."""
        patches = self.backbone.embed(images)
        mask = self._mask_of(patches)
        tokens = self.backbone.encode(patches, mask.ids_keep)
        return self.decoder(tokens, mask.ids_restore), mask

    def draw_mask(self, images: Tensor) -> PatchMask:
        """Draw the mask of a batch of images (N, 3, H, W)."""
        return self._mask_of(self.backbone.embed(images))

    def importance_of(self, images: Tensor) -> Tensor | None:
        """Score the patches of images (N, 3, H, W): (N, L); None unless the mask follows it."""
        if not isinstance(self.mask_generator, ImportanceMask):
            return None
        return self._importance(self.backbone.embed(images))

    def _check_importance(self) -> None:
        """Raise a ValueError unless the importances can be computed and are used."""
        if not isinstance(self.backbone, MaskedViT):
            raise ValueError(f'ccMIM needs a MaskedViT, got {type(self.backbone).__name__}.')
        if self.importance and not isinstance(self.mask_generator, ImportanceMask):
            raise ValueError(
                f'importance={self.importance} has no effect with '
                f'{type(self.mask_generator).__name__}; use an ImportanceMask or leave it out.'
            )
        for name, value in self.importance.items():
            check_choice('importance', name, IMPORTANCE)
            check_choice(f'importance.{name}', value, IMPORTANCE[name])

    def _mask_of(self, patches: Tensor) -> PatchMask:
        if isinstance(self.mask_generator, ImportanceMask):
            return self.mask_generator(self._importance(patches))
        return self.mask_generator(len(patches), self.backbone.mask_grid, patches.device)

    def _importance(self, patches: Tensor) -> Tensor:
        return self.backbone.class_attention(patches, **self.importance)
