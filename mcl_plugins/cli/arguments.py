"""Types of numbers on a command line: argparse names the option with what is wrong."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """The type of whole numbers from ``least``."""

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f'{text!r} is not a whole number.') from None
        if value < least:
            raise ArgumentTypeError(f'{value} must be at least {least}.')
        return value

    return whole


def positive(text: str) -> float:
    """The type of finite numbers above zero."""
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f'{text!r} is not a number.') from None
    if not (value > 0 and math.isfinite(value)):
        raise ArgumentTypeError(f'{text} must be greater than 0.')
    return value
