"""A batch as plain data, which a file can hold without code, and back."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from mmengine.structures import BaseDataElement
from torch import Tensor

# The classes of annotations that a batch may hold, by name, and where they are.
ELEMENTS = {
    'DataSample': 'mmpretrain.structures',
    'SegDataSample': 'mmseg.structures',
    'DetDataSample': 'mmdet.structures',
    'InstanceData': 'mmengine.structures',
    'PixelData': 'mmengine.structures',
    'LabelData': 'mmengine.structures',
}
BOXES = 'HorizontalBoxes'
MASKS = ('BitmapMasks', 'PolygonMasks')
_KIND = '__class__'


def to_plain(value: Any) -> Any:
    """Replace the objects in a batch by dicts of what they hold.

    What is neither a tensor, an array, a number, text, a container of these nor a known annotation
    is replaced by its text.

    Example:
        >>> from mmengine.structures import InstanceData
        >>> to_plain([InstanceData(metainfo=dict(img_path='1.jpg'))])
        [{'__class__': 'InstanceData', 'meta': {'img_path': '1.jpg'}, 'data': {}}]
    """
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [to_plain(part) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, np.ndarray | np.generic):
        return value if value.dtype.kind in 'biufU' else str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _to_parts(value)


def _to_parts(value: Any) -> Any:
    kind = type(value).__name__
    if isinstance(value, BaseDataElement):
        meta, data = dict(value.metainfo_items()), dict(value.items())
        return {_KIND: kind, 'meta': to_plain(meta), 'data': to_plain(data)}
    if kind == BOXES:
        return {_KIND: kind, 'tensor': value.tensor.cpu()}
    if kind in MASKS:
        sizes = {'height': value.height, 'width': value.width}
        return {_KIND: kind, 'masks': to_plain(value.masks), **sizes}
    return str(value)


def from_plain(value: Any) -> Any:
    """Make the objects again that :func:`to_plain` took apart.

    Raises:
        ValueError: the class of an object is not one of a batch.

    Example:
        >>> from_plain({'__class__': 'InstanceData', 'meta': {'img_path': '1.jpg'}, 'data': {}})
        ... # doctest: +ELLIPSIS
        <InstanceData(
        ...
    """
    if isinstance(value, dict) and _KIND in value:
        return _from_parts(value[_KIND], value)
    if isinstance(value, dict):
        return {key: from_plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(from_plain(part) for part in value)
    return value


def _from_parts(kind: str, parts: dict[str, Any]) -> Any:
    if kind in ELEMENTS:
        element = getattr(import_module(ELEMENTS[kind]), kind)(metainfo=from_plain(parts['meta']))
        for name, part in from_plain(parts['data']).items():
            element.set_field(part, name)
        return element
    if kind == BOXES:
        return import_module('mmdet.structures.bbox').HorizontalBoxes(parts['tensor'])
    if kind in MASKS:
        masks = import_module('mmdet.structures.mask')
        return getattr(masks, kind)(parts['masks'], parts['height'], parts['width'])
    raise ValueError(f'the batch holds a {kind!r}, which is not one of {", ".join(ELEMENTS)}.')


def file_names(batch: Any) -> list[str]:
    """Return the paths of the images of a batch, as their data samples state them."""
    if isinstance(batch, BaseDataElement):
        path = batch.get('img_path')
        return [] if path is None else [str(path)]
    if isinstance(batch, dict):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        return [name for part in batch for name in file_names(part)]
    return []
