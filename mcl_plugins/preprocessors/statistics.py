"""How the images of a training are normalised, read from its config or its data preprocessor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.model import BaseDataPreprocessor

from .multi_view import MultiViewPreprocessor

_CONVERSIONS = ('bgr_to_rgb', 'to_rgb', 'rgb_to_bgr')  # of data preprocessors; all do the same


class Statistics(NamedTuple):
    """What images are normalised with.

    Attributes:
        mean: of each band, on the scale of 0 to 255.
        std: standard deviation of each band, on the same scale.
        bgr: whether colours stay as files are decoded, in the order blue, green, red, in which
            ``mean`` and ``std`` are then, too.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False

    def __str__(self) -> str:
        mean, std = ([round(value, 3) for value in values] for values in self[:2])
        order = ' (BGR)' * (self.bgr and len(mean) == 3)
        return f'mean={mean} and std={std}{order}'

    def is_like(self, other: Statistics) -> bool:
        """Whether the same normalisation is meant: rounded numbers are alike.

        Example:
            >>> imagenet = Statistics((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
            >>> imagenet.is_like(Statistics((123.68, 116.28, 103.53), (58.4, 57.12, 57.38)))
            True
            >>> imagenet.is_like(Statistics((103.53, 116.28, 123.675), (57.375, 57.12, 58.395)))
            False
        """
        values, others = self.mean + self.std, other.mean + other.std
        near = all(abs(a - b) <= 0.5 for a, b in zip(values, others, strict=True))  # gray levels
        return near and (self.bgr == other.bgr or len(self.mean) != 3)


def read_statistics(settings: Mapping[str, Any]) -> Statistics | None:
    """Return the statistics in the config of a data preprocessor; None if it states none.

    Example:
        >>> str(read_statistics(dict(mean=[104, 117, 123], std=[1, 1, 1])))
        'mean=[104, 117, 123] and std=[1, 1, 1] (BGR)'
    """
    mean, std = (_numbers(settings.get(name)) for name in ('mean', 'std'))
    if mean is None or std is None or len(mean) != len(std):
        return None
    given = [settings[name] for name in _CONVERSIONS if name in settings]
    # Classes of other libraries leave the order as it is unless they are told to convert it.
    own = str(settings.get('type')).endswith(MultiViewPreprocessor.__name__)
    return Statistics(mean, std, not (any(given) if given else own))


def statistics_of(preprocessor: Any) -> Statistics | None:
    """Return the statistics of a data preprocessor; None if it has none.

    The class tells the scale of its buffers, which the numbers do not: a deviation of 1 is that of
    pixels as they are in mmpretrain, and of pixels divided by 255 here.
    """
    mean, std = (getattr(preprocessor, name, None) for name in ('mean', 'std'))
    if mean is None or std is None:
        return None
    if isinstance(preprocessor, MultiViewPreprocessor):
        scale = 255
    elif isinstance(preprocessor, BaseDataPreprocessor):  # MMEngine's, whose images are 0 to 255
        scale = 1
    else:  # of images from 0 to 1 no statistic is above 1
        scale = 255 if max(float(mean.max()), float(std.max())) <= 1 else 1
    low, spread = (tuple((values.flatten() * scale).tolist()) for values in (mean, std))
    names = (*_CONVERSIONS, '_channel_conversion')
    converts = any(getattr(preprocessor, name, False) for name in names)
    return Statistics(low, spread, isinstance(preprocessor, BaseDataPreprocessor) and not converts)


def _numbers(value: Any) -> tuple[float, ...] | None:
    if not isinstance(value, list | tuple) or not value:
        return None
    return tuple(value) if all(isinstance(part, int | float) for part in value) else None
