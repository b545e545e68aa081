"""From the loader's uint8 images to the normalised views of a method, on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class MultiViewPreprocessor(BaseDataPreprocessor):
    """Make each view from a shared source image by its own photometric operations.

    The workers send uint8 images once. View i starts from source image i, or from the only one,
    undergoes its own list of operations and is normalised.

    Args:
        mean: per channel RGB, on the scale of 0 to 255.
        std: likewise.
        views: for each view a list of operation configs, see ``photometric.py``; an empty list
            for a view that is only normalised.
        bgr_to_rgb: swap the channels of images that were decoded as BGR.

    Raises:
        ValueError: a batch with neither one source image nor one for each view.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        views: Sequence[Sequence[dict]] = ((),),
        bgr_to_rgb: bool = True,
    ) -> None:
        super().__init__(non_blocking=True)  # the loader's memory is pinned
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1) / 255, persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1) / 255, persistent=False)
        self.views = nn.ModuleList(
            nn.Sequential(*(MODELS.build(operation) for operation in view)) for view in views
        )
        self.bgr_to_rgb = bgr_to_rgb

    @torch.no_grad()
    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs``, one (N, 3, H, W) uint8 tensor or a list of them, and
                ``data_samples``.
            training: make the views; otherwise each source image is only normalised.

        Returns:
            ``inputs``: a list of views, (N, 3, H, W) float32 each (in evaluation, of one source
            image, the tensor itself), and ``data_samples`` unchanged.
        """
        inputs = self.cast_data(data['inputs'])
        sources = inputs if isinstance(inputs, list) else [inputs]
        # MMEngine prepares batches under autocast, which would blur in half precision.
        with torch.autocast(self.mean.device.type, enabled=False):
            sources = [self._to_unit_rgb(source) for source in sources]
            if training:
                sources = self._make_views(sources)
            outputs = [(view - self.mean) / self.std for view in sources]
        single = not training and isinstance(inputs, Tensor)
        return {
            'inputs': outputs[0] if single else outputs,
            'data_samples': data.get('data_samples'),
        }

    def _to_unit_rgb(self, images: Tensor) -> Tensor:
        """uint8 -> float32 in [0, 1], RGB."""
        return (images.flip(1) if self.bgr_to_rgb else images).float() / 255

    def _make_views(self, sources: list[Tensor]) -> list[Tensor]:
        if len(sources) not in (1, len(self.views)):
            raise ValueError(
                f'The pipeline delivers {len(sources)} images and data_preprocessor.views has '
                f'{len(self.views)} entries; they need one shared image or one a view.'
            )
        if len(sources) == 1:
            sources = sources * len(self.views)
        return [make(source) for make, source in zip(self.views, sources, strict=True)]
