"""MimCo: Masked Image Modeling Pre-training with Contrastive Teacher (Zhou et al., ACM MM 2022)."""

from __future__ import annotations

from torch import Tensor

from ..backbones import SimMIMSwin, SimMIMViT
from ..registry import MODELS, build_part
from ..targets import EMA, FrozenTeacher
from .base import PretrainingMethod


@MODELS.register_module()
class MimCo(PretrainingMethod):
    """Reconstruct a frozen contrastive teacher's features of the whole image from a masked one.

    Student and teacher see the same crop. At the patch level each hidden patch is to be told from
    earlier images' mean patches, at the image level each image from earlier images. The student's
    features go through a projector and a predictor, the teacher's through the EMA of the projector.

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

    views = ('image',)
    ema: EMA

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
        super().__init__(
            backbone,
            mask_generator=mask_generator,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        if not isinstance(self.backbone, SimMIMSwin | SimMIMViT):
            raise ValueError(
                f'{type(self.backbone).__name__} has no mask token; the student of MimCo is a '
                'SimMIMSwin or SimMIMViT.'
            )
        self.teacher = FrozenTeacher(**teacher)
        if self.mask_generator is None:
            self.backbone.mask_token.requires_grad_(False)  # unused: DDP would wait for it
        if patch_contrast is None and image_contrast is None:
            raise ValueError('MimCo needs patch_contrast, image_contrast or both; both are None.')
        self.patch_contrast = build_part(patch_contrast)
        self.image_contrast = build_part(image_contrast)
        contrasts = {'patch': self.patch_contrast, 'image': self.image_contrast}
        projectors = {
            f'{level}_projector': contrast.projector
            for level, contrast in contrasts.items()
            if contrast is not None
        }
        self.ema = EMA(momentum, **projectors)

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Contrast the student's features of a masked image with the teacher's, at each level.

        Args:
            image: (N, 3, H, W).
        """
        mask = self.draw_mask(image)
        (student,) = self.backbone(image, mask)  # (N, D, rows, columns)
        teacher = self.teacher(image)
        check_maps(student, teacher)
        student, teacher = (map.flatten(2).transpose(1, 2) for map in (student, teacher))

        losses = {}
        if self.patch_contrast is not None:
            result = self.patch_contrast(student, teacher, self.ema.patch_projector, mask)
            losses.update(named('patch', result))
        if self.image_contrast is not None:
            means = (features.mean(dim=1, keepdim=True) for features in (student, teacher))
            result = self.image_contrast(*means, self.ema.image_projector)  # (N, 1, D) each
            losses.update(named('image', result))
        return losses


def named(level: str, result: dict[str, Tensor]) -> dict[str, Tensor]:
    """``loss_patch`` for a head's ``loss_contrast``, ``top1_patch`` for ``top1``, and so on."""
    names = {'loss_contrast': 'loss'}
    return {f'{names.get(key, key)}_{level}': value for key, value in result.items()}


def check_maps(student: Tensor, teacher: Tensor) -> None:
    """Raise a ValueError unless student and teacher have maps of the same shape."""
    if student.shape != teacher.shape:
        raise ValueError(
            f"The student's map is {tuple(student.shape[1:])} (channels, rows, columns) and the "
            f"teacher's {tuple(teacher.shape[1:])}; take a teacher of the same width and patch "
            "size (the EMA projector is fed with the teacher's features)."
        )
