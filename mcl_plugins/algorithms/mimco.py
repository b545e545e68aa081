"""MimCo: Masked Image Modeling Pre-training with Contrastive Teacher (Zhou et al., ACM MM 2022)."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS, build_part
from ..targets import EMA, FrozenTeacher
from .base import PretrainingMethod


@MODELS.register_module()
class MimCo(PretrainingMethod):
    """Learn to predict the features of a frozen contrastive teacher from a masked image.

    The student encodes the masked image, the teacher the whole image of the same crop. At the patch
    level, the positive of a masked patch is the teacher's feature at its position; at the image
    level, the positive of an image is the teacher's mean feature. The negatives of both are mean
    features of earlier images, from a queue. The student's features go through a projector and a
    predictor, the teacher's through the EMA of the projector.

    Args:
        backbone: student with a mask token; ``backbone(images, mask)`` returns one map.
        teacher: arguments of :class:`FrozenTeacher`. Its encoder returns a map of the same shape.
        mask_generator: draws masks on the grid of the map; with None nothing is masked and all
            patches are compared (Table 11).
        patch_contrast: :class:`QueueContrast` between masked patches (Eq. 1); None for no loss at
            the patch level.
        image_contrast: :class:`QueueContrast` between the means of all patches (Eq. 3); None for no
            loss at the image level.
        momentum: ``start`` and ``end`` of the cosine momentum of the projectors' EMA; None if no
            level has a projector.
        data_preprocessor: makes the one view.

    Raises:
        ValueError: both levels are None, the backbone returns no map of a masked image, or momentum
            is missing or has no projector to average.
    """

    views = ('image',)
    encoder_output = 'one map'
    ema: EMA | None

    def __init__(
        self,
        backbone: dict,
        teacher: dict,
        mask_generator: dict | None,
        patch_contrast: dict | None,
        image_contrast: dict | None,
        momentum: dict | None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone,
            mask_generator=mask_generator,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.teacher = FrozenTeacher(**teacher)
        if self.mask_generator is None:
            # It gets no gradient, and DDP would wait for one.
            self.backbone.mask_token.requires_grad_(False)
        if patch_contrast is None and image_contrast is None:
            raise ValueError(
                'MimCo needs patch_contrast, image_contrast or both, but both are None: configure '
                'at least one.'
            )
        self.patch_contrast = build_part(patch_contrast)
        self.image_contrast = build_part(image_contrast)
        contrasts = {'patch': self.patch_contrast, 'image': self.image_contrast}
        projectors = {
            f'{level}_projector': contrast.projector
            for level, contrast in contrasts.items()
            if contrast is not None and contrast.projector is not None
        }
        if bool(projectors) != (momentum is not None):
            raise ValueError(
                f'momentum={momentum} with {len(projectors)} projectors: '
                + ('give its start and end.' if projectors else 'set momentum=None.')
            )
        self.ema = EMA(momentum, **projectors) if momentum else None

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Contrast the student's features of a masked image with the teacher's, at each level.

        Args:
            image: (N, 3, H, W).

        Returns:
            Loss and monitors of each level, with the suffix ``_patch`` or ``_image``.
        """
        mask = self.draw_mask(image)
        (student,) = self.backbone(image, mask)  # (N, D, rows, columns)
        teacher = self.teacher(image)
        check_maps(student, teacher)
        student, teacher = (map.flatten(2).transpose(1, 2) for map in (student, teacher))

        losses = {}
        if self.patch_contrast is not None:
            result = self.patch_contrast(student, teacher, self._ema_of('patch'), mask)
            losses.update(with_suffix(result, '_patch'))
        if self.image_contrast is not None:
            means = (features.mean(dim=1, keepdim=True) for features in (student, teacher))
            result = self.image_contrast(*means, self._ema_of('image'))  # (N, 1, D) each
            losses.update(with_suffix(result, '_image'))
        return losses

    def _ema_of(self, level: str) -> nn.Module | None:
        """The EMA of a level's projector; None if the level has no projector."""
        return getattr(self.ema, f'{level}_projector', None)

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """The image level, which gets the mean feature of each image; its negatives are a queue."""
        return (self.image_contrast,)


def with_suffix(result: dict[str, Tensor], suffix: str) -> dict[str, Tensor]:
    """Append the level's suffix to the names of a head's loss and monitors.

    Example:
        >>> with_suffix({'loss_contrast': 1.0, 'top1': 0.5}, '_patch')
        {'loss_patch': 1.0, 'top1_patch': 0.5}
    """
    names = {'loss_contrast': 'loss'}
    return {f'{names.get(key, key)}{suffix}': value for key, value in result.items()}


def check_maps(student: Tensor, teacher: Tensor) -> None:
    """Raise a ValueError unless the maps of student and teacher have the same shape."""
    if student.shape != teacher.shape:
        raise ValueError(
            f"The student's map is {tuple(student.shape[1:])} (channels, rows, columns), but the "
            f"teacher's {tuple(teacher.shape[1:])}; use a teacher of the same width and patch "
            "size. The EMA of the student's projector is applied to the teacher's features."
        )
