"""The decoder of a config's images, for commands that read images themselves."""

from __future__ import annotations

from mmengine.config import Config

from ..encoders.reading import Reading, from_step
from ..own.bands import kind
from ..own.wrapped import pipeline_of
from ..utils.decoding import LOADERS, ImageDecoder


def decoder_of(loader: Config) -> ImageDecoder:
    """Return the decoder of the images that a data loader's config loads.

    Args:
        loader: config of a data loader, whose data set may be within wrappers.

    Example:
        >>> steps = [dict(type='mcl_plugins.LoadImageFromFile', color_type='grayscale')]
        >>> decoder_of(Config(dict(dataset=dict(pipeline=steps)))).bands
        1
    """
    for step in pipeline_of(loader.dataset):
        if kind(step) in LOADERS:
            return from_step(step).decoder()
    return Reading().decoder()
