"""Each method on the numbers of its released implementation.

A module of this folder states which methods it compares, by the name that golden files have for
them, and is found by being here:

    @compares('conmim')
    def compare(golden: Golden, device: torch.device) -> Comparison: ...

A method from outside the package does the same in a module of its own, which
``mcl fidelity FILE --import MODULE`` imports. A method may be compared in several ways; all of
them must agree with the file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import torch

from .golden import Comparison, Golden

__all__ = ['Compare', 'Comparison', 'Golden', 'compares', 'comparisons']

Compare = Callable[[Golden, torch.device], Comparison]

_STATED: dict[str, list[Compare]] = {}


def compares(*methods: str) -> Callable[[Compare], Compare]:
    """State that a function compares files of these methods."""

    def state(compare: Compare) -> Compare:
        for method in methods:
            _STATED.setdefault(method, []).append(compare)
        return compare

    return state


def comparisons() -> dict[str, list[Compare]]:
    """The ways to compare each method: those of this folder, and those stated elsewhere."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f'{__name__}.{module.name}')
    return dict(_STATED)
