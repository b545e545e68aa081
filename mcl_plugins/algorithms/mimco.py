"""MimCo: Masked Image Modeling Pre-training with Contrastive Teacher (Zhou et al., ACM MM 2022)."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor

from ..mask_generators import PatchMask
from ..preprocessors.multi_view import take_views
from ..registry import MODELS, build_part
from ..targets.ema import MomentumSchedule
from ..targets.frozen_teacher import FrozenTeacher


@MODELS.register_module()
class MimCo(BaseSelfSupervisor):
    """Reconstruct a frozen contrastive teacher's features of the whole image from a masked one.

    Student and teacher see the same crop. At the patch level each hidden patch is to be told from
    earlier images' mean patches, at the image level each image from earlier images.

    Args:
        backbone: student with a mask token; ``backbone(images, mask)`` gives one map.
        teacher: arguments of :class:`FrozenTeacher`, whose encoder gives a map of the same shape.
        mask_generator: draws masks on the grid of the map; None shows everything and compares all
            patches (Table 11).
        patch_contrast: a :class:`QueueContrast` for hidden patches (Eq. 1); None leaves it out.
        image_contrast: one for the mean of all patches (Eq. 3); None leaves it out.
        momentum: ``start`` and ``end`` of the cosine momentum of the EMA projectors.
        data_preprocessor: makes the one view.

    Raises:
        ValueError: a backbone without mask token, or neither of the two contrasts.
    """

    def __init__(
        self,
        backbone: dict,
        teacher: dict,
        mask_generator: dict | None,
        patch_contrast: dict | None,
        image_contrast: dict | None,
        momentum: dict,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if not hasattr(self.backbone, 'mask_token'):
            raise ValueError(
                f'{type(self.backbone).__name__} has no mask token; the student of MimCo is a '
                'SimMIMSwin or SimMIMViT.'
            )
        self.teacher = FrozenTeacher(**teacher)
        self.mask_generator = build_part(mask_generator)
        if self.mask_generator is None:
            self.backbone.mask_token.requires_grad_(False)  # unused: DDP would wait for it
        if patch_contrast is None and image_contrast is None:
            raise ValueError('MimCo needs patch_contrast, image_contrast or both; both are None.')
        self.patch_contrast = build_part(patch_contrast)
        self.image_contrast = build_part(image_contrast)
        self.momentum = MomentumSchedule(**momentum)

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Losses and monitors of a batch, one of each for a level.

        Args:
            inputs: one view, (N, 3, H, W).
            data_samples: not used.
        """
        (images,) = take_views(inputs, 'image')
        mask = self.draw_mask(images)
        (student,) = self.backbone(images, mask)  # (N, D, rows, columns)
        teacher = self.teacher(images)
        check_maps(student, teacher)
        student, teacher = (map.flatten(2).transpose(1, 2) for map in (student, teacher))

        losses = {}
        if self.patch_contrast is not None:
            ids = None if mask is None else mask.hidden_ids
            losses.update(named('patch', self.patch_contrast(student, teacher, ids)))
        if self.image_contrast is not None:
            means = (features.mean(dim=1, keepdim=True) for features in (student, teacher))
            losses.update(named('image', self.image_contrast(*means)))  # (N, 1, D) each
        return losses

    def draw_mask(self, images: Tensor) -> PatchMask | None:
        """The mask of a batch of views; None without a mask generator."""
        if self.mask_generator is None:
            return None
        return self.mask_generator(len(images), self.backbone.mask_grid, images.device)

    def update_teacher(self, step: int, total: int) -> None:
        """Move the EMA projectors, after the optimizer's ``step`` (0-based) out of ``total``."""
        momentum = self.momentum(step, total)
        for contrast in (self.patch_contrast, self.image_contrast):
            if contrast is not None:
                contrast.target.update(momentum)


def named(level: str, result: dict[str, Tensor]) -> dict[str, Tensor]:
    """``loss_patch`` for ``loss``, and so on."""
    return {f'{key}_{level}': value for key, value in result.items()}


def check_maps(student: Tensor, teacher: Tensor) -> None:
    """Raise a ValueError unless student and teacher have maps of the same shape."""
    if student.shape != teacher.shape:
        raise ValueError(
            f"The student's map is {tuple(student.shape[1:])} (channels, rows, columns) and the "
            f"teacher's {tuple(teacher.shape[1:])}; take a teacher of the same width and patch "
            "size (the EMA projector is fed with the teacher's features)."
        )
