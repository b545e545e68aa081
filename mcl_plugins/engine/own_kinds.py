"""The package's own kinds in place of MMEngine's of the same name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def own_kind(config: Any, kinds: Iterable[type], default: str = '') -> Any:
    """Return the config of a part with MMEngine's kind replaced by the package's of that name.

    Args:
        config: anything but a dict is returned as it is.
        kinds: classes of the package that are registered under the name of MMEngine's class.
        default: name of the class of a config that names none.

    Example:
        >>> class EpochBasedTrainLoop: ...
        >>> own_kind(dict(type='EpochBasedTrainLoop', max_epochs=3), [EpochBasedTrainLoop])
        {'type': 'mcl_plugins.EpochBasedTrainLoop', 'max_epochs': 3}
    """
    if not isinstance(config, dict):
        return config
    kind = config.get('type', default)
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    name = name.removeprefix('mmengine.')
    if name not in {own.__name__ for own in kinds}:
        return config
    rest = {key: value for key, value in config.items() if key != 'type'}
    return {'type': f'mcl_plugins.{name}', **rest}
