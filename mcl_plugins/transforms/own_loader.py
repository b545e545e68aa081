"""The package's loader in pipelines of the libraries, whose configs name mmcv's."""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.transforms import LoadImageFromFile as _LoadImageFromFile

from .load_image import LoadImageFromFile
from .steps import step_lists


def use_own_loader(transforms: list) -> None:
    """Replace mmcv's ``LoadImageFromFile`` in a pipeline by the package's, in place.

    mmseg's inferencer looks for mmcv's name in configs. A subclass of another library, which may
    read other formats, stays as it is.

    Example:
        >>> steps = [_LoadImageFromFile(color_type='grayscale')]
        >>> use_own_loader(steps)
        >>> type(steps[0]) is LoadImageFromFile, steps[0].color_type
        (True, 'grayscale')
    """
    for steps in step_lists(transforms):
        for index, step in enumerate(steps):
            if type(step) is _LoadImageFromFile:
                steps[index] = own = LoadImageFromFile(
                    step.to_float32, step.color_type, step.imdecode_backend,
                    ignore_empty=step.ignore_empty, backend_args=step.backend_args,
                )  # fmt: skip
                own.file_client_args = step.file_client_args


def find_loader(transforms: Sequence) -> LoadImageFromFile | None:
    """Return the package's loader at the beginning of a pipeline, if there is one.

    Example:
        >>> find_loader([LoadImageFromFile(bit_depth=12)]).decoder.depth.bits
        12
    """
    return next((step for step in transforms if isinstance(step, LoadImageFromFile)), None)
