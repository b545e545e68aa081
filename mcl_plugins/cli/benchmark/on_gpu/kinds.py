"""The kinds of measurements by the names that the plan uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .checks import golden, gpu_tests, method_checks
from .speed import speed

KINDS: dict[str, Callable[..., dict[str, Any]]] = {
    'golden': golden,
    'gpu_tests': gpu_tests,
    'method_checks': method_checks,
    'speed': speed,
}
