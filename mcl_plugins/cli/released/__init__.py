"""Compare each method with numbers of its released implementation.

Each module of this folder registers the comparison of one or more methods under the name that the
golden files use. The modules are found automatically:

    @compares('conmim')
    def compare(golden: Golden, device: torch.device) -> Comparison: ...

The comparison of a method from outside the package is registered in the same way in its own module,
which ``mcl fidelity FILE --import MODULE`` imports. A method may have several comparisons; all of
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

_REGISTERED: dict[str, list[Compare]] = {}


def compares(*methods: str) -> Callable[[Compare], Compare]:
    """Register a function as a comparison of these methods."""

    def register(compare: Compare) -> Compare:
        for method in methods:
            _REGISTERED.setdefault(method, []).append(compare)
        return compare

    return register


def comparisons() -> dict[str, list[Compare]]:
    """Return all registered comparisons by method, including those of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f'{__name__}.{module.name}')
    return dict(_REGISTERED)
