"""ConMIM: Masked Image Modeling with Denoising Contrast (Yi et al., ICLR 2023)."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..preprocessors.multi_view import take_views
from ..registry import MODELS, build_part
from ..targets.ema import MomentumSchedule, MomentumTeacher


@MODELS.register_module()
class ConMIM(BaseSelfSupervisor):
    """Tell each hidden patch apart from the other patches of the same image.

    The student sees the masked image; the keys come from its EMA teacher, which sees the whole
    image under strong photometric augmentation, in train mode (its BatchNorm uses the batch).
    Both see the same crop, so that patches correspond.

    Args:
        backbone: encoder with a mask token, called ``backbone(images, hidden)``.
        neck: projector from (rows, D) to (rows, C); its BatchNorm sees all tokens with CLS.
        head: contrast between (N, L, C) queries and keys.
        mask_generator: draws a :class:`PatchMask`; None trains without masks (Table 4).
        momentum: ``start`` and ``end`` of the teacher's cosine momentum. ``start=end=0`` takes
            the keys from the student itself, without gradient (Table 6, "no EMA").
        data_preprocessor: makes the two views.
    """

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
        super().__init__(
            backbone, neck, head, data_preprocessor=data_preprocessor, init_cfg=init_cfg
        )
        self.mask_generator = build_part(mask_generator)
        if self.mask_generator is None:
            self.backbone.mask_token.requires_grad_(False)  # unused: DDP would wait for it
        self.momentum = MomentumSchedule(**momentum)
        self.teacher = MomentumTeacher(backbone=self.backbone, neck=self.neck)

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Loss and monitors of a batch.

        Args:
            inputs: the weak view for the student and the strong one for the teacher, (N, 3, H, W)
                each, of the same crop.
            data_samples: not used.
        """
        weak, strong = take_views(inputs, 'student', 'teacher')
        mask = self.draw_mask(weak)
        query = project(self.backbone, self.neck, weak, None if mask is None else mask.hidden)
        with torch.no_grad():
            key = project(self.teacher.backbone, self.teacher.neck, strong, None)
        return self.head(query, key, mask)  # (N, L, C) against (N, L, C)

    def draw_mask(self, images: Tensor) -> PatchMask | None:
        """The mask of a batch of the student's views; None without a mask generator."""
        if self.mask_generator is None:
            return None
        return self.mask_generator(len(images), self.backbone.patch_resolution, images.device)

    def update_teacher(self, step: int, total: int) -> None:
        """Move the teacher, after the optimizer's ``step`` (0-based) out of ``total``."""
        self.teacher.update(self.momentum(step, total))


def project(backbone: nn.Module, neck: nn.Module, images: Tensor, hidden: Tensor | None) -> Tensor:
    """(N, 3, H, W) images -> (N, L, C) projections of the patches.

    The projector's BatchNorm runs over all N (1 + L) tokens; the class token is dropped after it.
    """
    (tokens,) = backbone(images, hidden)  # (N, 1 + L, D)
    (rows,) = neck((tokens.flatten(0, 1),))  # (N (1 + L), C)
    return rows.unflatten(0, tokens.shape[:2])[:, 1:]
