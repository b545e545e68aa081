"""Parts of a config that depend on the bands of the images or on how their files are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..engine.bands import RGB_STEPS
from ..utils.decoding import LOADERS

IMAGENET = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
RGB_VIEWS = ('Grayscale',)


def kind(part: Mapping[str, Any]) -> str:
    """Return the name of a part's class without its scope.

    Example:
        >>> kind({'type': 'mmcv.Resize'}), kind({'type': dict})  # a config may have the class
        ('Resize', 'dict')
    """
    named = part.get('type')
    return named.__name__ if isinstance(named, type) else str(named).rpartition('.')[2]


def colour_type(bands: int) -> str:
    """Return ``color_type`` of a loader for that many bands."""
    return {1: 'grayscale', 3: 'color'}.get(bands, 'unchanged')


def statistics(
    bands: int, mean: Sequence[float] | None, std: Sequence[float] | None
) -> dict[str, list[float]]:
    """Return mean and standard deviation of each band, 0 to 255; by default ImageNet's.

    Raises:
        ValueError: there are not as many numbers as bands.

    Example:
        >>> statistics(1, None, None)
        {'mean': [116.28], 'std': [57.12]}
    """
    given = {'mean': mean, 'std': std}
    default = {
        name: IMAGENET[name] if bands == 3 else [IMAGENET[name][1]] * bands for name in given
    }
    for name, values in given.items():
        if values is not None and len(values) != bands:
            raise ValueError(
                f'{name}={list(values)} has {len(values)} numbers, but the images have bands='
                f'{bands}: give one number for each band, from 0 to 255.'
            )
    return {name: list(values or default[name]) for name, values in given.items()}


def set_preprocessor(
    preprocessor: dict,
    bands: int,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> None:
    """Set the statistics of a data preprocessor, in place, and drop what needs RGB."""
    preprocessor.update(statistics(bands, mean, std))
    if bands == 3:
        return
    for key in ('bgr_to_rgb', 'to_rgb'):
        if key in preprocessor:
            preprocessor[key] = False
    if preprocessor.get('views'):
        preprocessor['views'] = [
            [_without_hue(step) for step in view if kind(step) not in RGB_VIEWS]
            for view in preprocessor['views']
        ]


def _without_hue(step: dict) -> dict:
    """Leave brightness and contrast of a colour jitter, which any bands have."""
    return {**step, 'saturation': 0.0, 'hue': 0.0} if kind(step) == 'ColorJitter' else step


def set_pipeline(pipeline: list[dict], bands: int, reading: dict[str, Any]) -> list[dict]:
    """Return a pipeline that reads images of that many bands.

    Args:
        pipeline: steps of a data set; they are not changed.
        bands: of the images.
        reading: ``bit_depth`` or ``value_range`` of the loader.
    """
    steps = [dict(step) for step in pipeline if bands == 3 or kind(step) not in RGB_STEPS]
    for step in _loading(steps):
        step.update(reading)
        if bands != 3:
            step['color_type'] = colour_type(bands)
    for step in steps:
        if bands not in (1, 3) and step.get('backend') == 'pillow':
            step['backend'] = 'cv2'  # Pillow resizes one band or three
    return steps


def _loading(steps: list[dict]) -> Iterator[dict]:
    """Yield the steps that read an image file; those of the libraries become this package's."""
    for step in steps:
        if kind(step) in LOADERS:
            step['type'] = f'mcl_plugins.{kind(step)}'
            yield step
