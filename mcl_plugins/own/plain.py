"""The config that a config inherits from, as plain dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Copy a config into dicts and lists, which MMEngine would otherwise mark with scopes.

    Example:
        >>> plain({'a': ({'b': 1},)})
        {'a': ({'b': 1},)}
    """
    if isinstance(value, Mapping) or hasattr(value, 'to_dict'):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    return value
