"""The decoder of a config's images, for commands that read images themselves."""

from __future__ import annotations

from mmengine.config import Config

from ..utils.decoding import ImageDecoder

LOADERS = ('LoadImageFromFile', 'LoadRandomResizedCrop')


def decoder_of(loader: Config) -> ImageDecoder:
    """Return the decoder of the images that a data loader's config loads.

    Args:
        loader: config of a data loader, whose data set may be within wrappers.

    Example:
        >>> steps = [dict(type='mcl_plugins.LoadImageFromFile', color_type='grayscale')]
        >>> decoder_of(Config(dict(dataset=dict(pipeline=steps)))).bands
        1
    """
    dataset = loader.dataset
    while 'pipeline' not in dataset and ('dataset' in dataset or dataset.get('datasets')):
        dataset = dataset.dataset if 'dataset' in dataset else dataset.datasets[0]
    for step in dataset.get('pipeline', ()):
        if str(step.get('type')).rpartition('.')[-1] in LOADERS:
            return ImageDecoder(
                step.get('color_type', 'color'),
                step.get('bit_depth'),
                step.get('value_range'),
                step.get('imdecode_backend', 'cv2'),
            )
    return ImageDecoder()
