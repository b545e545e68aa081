"""The optimizer wrappers of a training: one, or those of MMEngine's ``OptimWrapperDict``.

An ``OptimWrapperDict`` is an ``OptimWrapper`` by inheritance only: it has no optimizer, no count of
accumulated batches, and cannot say whether a step is due.
"""

from __future__ import annotations

from typing import Any

from mmengine.optim import BaseOptimWrapper, OptimWrapper, OptimWrapperDict


def wrappers_of(wrapper: Any) -> list[Any]:
    """Return the wrappers of single optimizers; none of what is not built yet.

    Example:
        >>> wrappers_of(dict(optimizer=dict(type='SGD')))  # a config
        []
    """
    if isinstance(wrapper, OptimWrapperDict):
        return list(wrapper.values())
    return [wrapper] if isinstance(wrapper, BaseOptimWrapper) else []


def is_single(wrapper: Any) -> bool:
    """Return whether it is MMEngine's wrapper of one optimizer, whose schedule can be described."""
    return isinstance(wrapper, OptimWrapper) and not isinstance(wrapper, OptimWrapperDict)


def waits_for_step(wrapper: Any) -> bool:
    """Return whether there are gradients that an optimizer has not used."""
    return any(
        not part.should_update() for part in wrappers_of(wrapper) if hasattr(part, 'should_update')
    )
