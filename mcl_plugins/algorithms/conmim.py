"""ConMIM: Masked Image Modeling with Denoising Contrast (Yi et al., ICLR 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..registry import MODELS
from ..targets import EMA
from .base import PretrainingMethod


@MODELS.register_module()
class ConMIM(PretrainingMethod):
    """Contrast each masked patch with the patches of the same image.

    The student encodes the masked image. The keys are the projected patches of its EMA teacher,
    which encodes the whole image under strong photometric augmentation, in train mode (its
    BatchNorm uses the batch's statistics). Student and teacher get the same crop, so patch i of one
    corresponds to patch i of the other.

    Args:
        backbone: encoder with a mask token, called as ``backbone(images, mask)``.
        neck: projector from (rows, D) to (rows, C). Its rows are all tokens of the batch, with the
            class tokens.
        head: contrastive loss between (N, L, C) queries and keys.
        mask_generator: draws a :class:`PatchMask`; with None nothing is masked (Table 4).
        momentum: ``start`` and ``end`` of the teacher's cosine momentum. With ``start=end=0`` the
            keys come from the student itself, without gradient (Table 6, "no EMA").
        data_preprocessor: makes the two views.
    """

    views = ('student', 'teacher')
    encoder_output = 'all tokens'
    ema: EMA

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        mask_generator: dict | None,
        momentum: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, neck, head, mask_generator, data_preprocessor, init_cfg)
        if self.mask_generator is None:
            # It gets no gradient, and DDP would wait for one.
            self.backbone.mask_token.requires_grad_(False)
        self.ema = EMA(momentum, backbone=self.backbone, neck=self.neck)

    def losses(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """Contrast the student's masked patches with the teacher's patches.

        Args:
            student: (N, 3, H, W), the view that is masked.
            teacher: (N, 3, H, W), the same crop in other colours.

        Returns:
            The head's loss and monitors.
        """
        mask = self.draw_mask(student)
        query = project(self.backbone, self.neck, student, mask)
        with torch.no_grad():
            key = project(self.ema.backbone, self.ema.neck, teacher, None)
        return self.head(query, key, mask)  # (N, L, C) against (N, L, C)

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """None: the projector gets all tokens of an image, whose patches are the negatives."""
        return ()


def project(backbone: nn.Module, neck: nn.Module, images: Tensor, mask: PatchMask | None) -> Tensor:
    """Encode images and project the tokens of their patches.

    The projector's BatchNorm uses all N (1 + L) tokens; the class tokens are removed afterwards.

    Args:
        backbone: encoder, student or teacher.
        neck: its projector.
        images: (N, 3, H, W).
        mask: the mask of the images; None if nothing is masked.

    Returns:
        (N, L, C).
    """
    (tokens,) = backbone(images, mask)  # (N, 1 + L, D)
    (rows,) = neck((tokens.flatten(0, 1),))  # (N (1 + L), C)
    return rows.unflatten(0, tokens.shape[:2])[:, 1:]
