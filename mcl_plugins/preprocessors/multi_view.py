"""Turns the data loader's uint8 images into the normalised views of a method, on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class MultiViewPreprocessor(BaseDataPreprocessor):
    """Make the views of a method: apply photometric operations to source images and normalise.

    The data loader returns one uint8 source image, which all views share, or one for each view. A
    list of operations of its own is applied to each view, which is then normalised.

    Args:
        mean: mean of each channel, of RGB images in this order, on the scale of 0 to 255.
        std: standard deviation of each channel, on the same scale.
        views: one list of operation configs per view, see ``photometric.py``; an empty list for a
            view that is only normalised.
        bgr_to_rgb: reverse the channels of images with three, which are decoded as BGR; others
            have the order of their file.

    Raises:
        ValueError: ``mean`` and ``std`` have other lengths, or a view has an operation on colours
            and they have another length than 3.

    Example:
        >>> gray = [dict(type='mcl_plugins.Grayscale', prob=1.0)]
        >>> prepare = MultiViewPreprocessor([127.5] * 3, [127.5] * 3, views=[[], gray])
        >>> white = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
        >>> views = prepare({'inputs': white}, training=True)['inputs']
        >>> len(views), views[0].shape, views[0].max()
        (2, torch.Size([2, 3, 4, 4]), tensor(1.))
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        views: Sequence[Sequence[dict]] = ((),),
        bgr_to_rgb: bool = True,
    ) -> None:
        if len(mean) != len(std):
            raise ValueError(
                f'mean has {len(mean)} numbers and std {len(std)}: give one of each per band.'
            )
        super().__init__(non_blocking=True)  # the data loader pins its memory
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1) / 255, persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1) / 255, persistent=False)
        self.views = nn.ModuleList(
            nn.Sequential(*(MODELS.build(operation) for operation in view)) for view in views
        )
        self.bgr_to_rgb = bgr_to_rgb
        self._range_is_known = False  # that of images of floating point numbers
        self._check_operations(len(mean))

    @torch.no_grad()
    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: a batch of the data loader: ``inputs``, one (N, 3, H, W) tensor or a list of them,
                uint8 or on its scale of 0 to 255, and ``data_samples``.
            training: make the views; if False, the source images are only normalised.

        Returns:
            A dict of ``inputs`` and ``data_samples``. ``inputs`` is a list of views, (N, 3, H, W)
            float32 each; if not ``training`` and there is one source image, it is one tensor.
            ``data_samples`` is not changed.

        Raises:
            ValueError: there is neither one source image nor one per view, the images have another
                number of bands than ``mean`` or another scale, or they are not stacked.
        """
        inputs = self.cast_data(_stacked(data))
        sources = inputs if isinstance(inputs, list) else [inputs]
        for source in sources:
            self._check_bands(source)
            self._check_range(source)
        # MMEngine prepares batches under autocast; in half precision the blur would be inexact.
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
        """Convert uint8 images to float32 RGB in [0, 1]."""
        swapped = self.bgr_to_rgb and images.shape[1] == 3
        return (images.flip(1) if swapped else images).float() / 255

    def _check_operations(self, bands: int) -> None:
        for index, view in enumerate(self.views):
            for operation in view if bands != 3 else ():  # type: ignore[union-attr]
                if getattr(operation, 'needs_rgb', False):
                    name = type(operation).__name__
                    remedy = ' or set its saturation=0 and hue=0' * (name == 'ColorJitter')
                    raise ValueError(
                        f'{name} of data_preprocessor.views.{index} needs RGB images, but mean and '
                        f'std are those of {bands} band{"s" * (bands > 1)}: leave it out{remedy}.'
                    )

    def _check_bands(self, images: Tensor) -> None:
        if images.shape[1] != len(self.mean):
            raise ValueError(
                f'The images have {images.shape[1]} bands, but data_preprocessor.mean has '
                f'{len(self.mean)} numbers: give mean and std one number per band, or let the '
                "pipeline load other bands (color_type of LoadImageFromFile: 'color', 'grayscale', "
                "or 'unchanged' for all)."
            )

    def _check_range(self, images: Tensor) -> None:
        """Look once at images of floating point numbers: a look waits for the device."""
        if self._range_is_known or not images.is_floating_point():
            return
        low, high = float(images.min()), float(images.max())
        if low < 0 or 0 < high <= 1:
            raise ValueError(
                f'The images are numbers from {low:.3g} to {high:.3g}, but data_preprocessor '
                'divides by 255 and normalises by itself: leave ToTensor and Normalize out of the '
                'pipeline, or multiply by 255. Set data_preprocessor.bgr_to_rgb=False if the '
                'images are RGB.'
            )
        self._range_is_known = True

    def _make_views(self, sources: list[Tensor]) -> list[Tensor]:
        if len(sources) not in (1, len(self.views)):
            raise ValueError(
                f'The data pipeline returns {len(sources)} images per sample, but '
                f'data_preprocessor.views has {len(self.views)} entries: let the pipeline return '
                'one image, which all views share, or one image per view.'
            )
        if len(sources) == 1:
            sources = sources * len(self.views)
        return [make(source) for make, source in zip(self.views, sources, strict=True)]


def _stacked(data: Any) -> Tensor | list[Tensor]:
    """Return the images of a batch.

    Raises:
        ValueError: they are not stacked to (N, bands, H, W), as by MMEngine's own default.
    """
    inputs: Any = data.get('inputs') if isinstance(data, Mapping) else None
    several = isinstance(inputs, list | tuple)
    sources = list(inputs) if several else [inputs]
    if all(isinstance(source, Tensor) and source.ndim == 4 for source in sources):
        return sources if several else inputs
    raise ValueError(
        "The data loader must return a dict whose 'inputs' are images of one size, stacked to "
        "(N, bands, H, W): set train_dataloader.collate_fn=dict(type='default_collate'), end the "
        "pipeline with dict(type='PackInputs'), and crop all images to one size."
    )
