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
    """Tell each hidden patch apart from the other patches of the same image.

    The student sees the masked image; the keys come from its EMA teacher, which sees the whole
    image under strong photometric augmentation, in train mode (its BatchNorm uses the batch).
    Both see the same crop, so that patches correspond.

    Args:
        backbone: encoder with a mask token, called ``backbone(images, mask)``.
        neck: projector from (rows, D) to (rows, C); its BatchNorm sees all tokens with CLS.
        head: contrast between (N, L, C) queries and keys.
        mask_generator: draws a :class:`PatchMask`; None trains without masks (Table 4).
        momentum: ``start`` and ``end`` of the teacher's cosine momentum. ``start=end=0`` takes
            the keys from the student itself, without gradient (Table 6, "no EMA").
        data_preprocessor: makes the two views.
    """

    views = ('student', 'teacher')
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
            self.backbone.mask_token.requires_grad_(False)  # unused: DDP would wait for it
        self.ema = EMA(momentum, backbone=self.backbone, neck=self.neck)

    def losses(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """Contrast the student's hidden patches with the teacher's patches.

        Args:
            student: (N, 3, H, W), of which a part is hidden.
            teacher: (N, 3, H, W), the same crop in other colours.
        """
        mask = self.draw_mask(student)
        query = project(self.backbone, self.neck, student, mask)
        with torch.no_grad():
            key = project(self.ema.backbone, self.ema.neck, teacher, None)
        return self.head(query, key, mask)  # (N, L, C) against (N, L, C)


def project(backbone: nn.Module, neck: nn.Module, images: Tensor, mask: PatchMask | None) -> Tensor:
    """(N, 3, H, W) images -> (N, L, C) projections of the patches.

    The projector's BatchNorm runs over all N (1 + L) tokens; the class token is dropped after it.
    """
    (tokens,) = backbone(images, mask)  # (N, 1 + L, D)
    (rows,) = neck((tokens.flatten(0, 1),))  # (N (1 + L), C)
    return rows.unflatten(0, tokens.shape[:2])[:, 1:]
