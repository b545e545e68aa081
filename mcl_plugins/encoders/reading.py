"""How image files were read in the training of an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..utils.decoding import LOADERS, ImageDecoder

_DATA = ('train_dataloader', 'train_pipeline')  # of a config, the first that has a loader


@dataclass(frozen=True)
class Reading:
    """Settings of the loader of a training; by default those of images of 8 bits.

    Attributes:
        color_type: as of :class:`~mcl_plugins.utils.decoding.ImageDecoder`; None for that of the
            encoder's number of bands.
        bit_depth: number of bits of data with more than 8; None to take that of the file.
        value_range: the values that become 0 and 255, of data of other types such as float.
        backend: the library that reads images of 8 bits, ``'cv2'`` or ``'pillow'``.

    Example:
        >>> Reading(bit_depth=12).for_bands(1).decoder().color_type
        'grayscale'
    """

    color_type: str | None = None
    bit_depth: int | None = None
    value_range: tuple[float, ...] | None = None
    backend: str | None = 'cv2'

    def decoder(self) -> ImageDecoder:
        """Return the decoder of such files.

        Raises:
            ValueError: a setting is none of the decoder's; the message names it.
        """
        limits = self.value_range
        if limits is not None and not all(isinstance(limit, int | float) for limit in limits):
            raise ValueError(f'value_range={limits} must be two numbers, such as (0, 1).')
        return ImageDecoder(self.color_type or 'color', self.bit_depth, limits, self.backend)

    def without_bands(self) -> Reading:
        """Return the settings for any number of bands: only whether images are turned stays."""
        kind = None if self.decoder().turns else 'color_ignore_orientation'
        return replace(self, color_type=kind)

    def for_bands(self, bands: int) -> Reading:
        """Return the settings for an encoder of so many bands, with a ``color_type`` of them.

        The training's stays if it gives them.
        """
        own = self.decoder()
        if self.color_type and own.bands in (None, bands):
            return self
        kind = {1: 'grayscale', 3: 'color'}.get(bands, 'unchanged')
        turned = own.turns or kind == 'unchanged'  # the latter never turns
        return replace(self, color_type=kind if turned else f'{kind}_ignore_orientation')


def read_reading(config: Mapping[str, Any]) -> Reading:
    """Read the loader's settings in the config of a training.

    Args:
        config: what the config assigns; its data set may be within wrappers.

    Example:
        >>> step = dict(type='mcl_plugins.LoadImageFromFile', bit_depth=12)
        >>> read_reading({'train_dataloader': {'dataset': {'pipeline': [step]}}}).bit_depth
        12
    """
    steps = (step for name in _DATA for step in _loaders(config.get(name)))
    return from_step(next(steps, {}))


def from_step(step: Mapping[str, Any]) -> Reading:
    """Return the settings of a step of a pipeline that reads image files."""
    return from_settings({**step, 'backend': step.get('imdecode_backend', 'cv2')})


def from_settings(settings: Mapping[str, Any]) -> Reading:
    """Return the settings that a dict has under the names of the attributes."""
    limits = settings.get('value_range')
    if limits is not None:  # a single value, too, is a tuple, which the decoder refuses
        limits = tuple(limits) if isinstance(limits, list | tuple) else (limits,)
    return Reading(
        settings.get('color_type'),
        settings.get('bit_depth'),
        limits,
        settings.get('backend', 'cv2'),
    )


def _loaders(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the steps of a config that read image files, in its order."""
    if isinstance(part, list | tuple):
        for item in part:
            yield from _loaders(item)
    elif isinstance(part, Mapping):
        if str(part.get('type')).rpartition('.')[-1] in LOADERS:
            yield part
        for item in part.values():
            yield from _loaders(item)
