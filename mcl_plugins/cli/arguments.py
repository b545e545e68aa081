"""Command line arguments of all commands: parsers, number types and spelling suggestions."""

from __future__ import annotations

import argparse
import difflib
import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """Create a parser whose help shows a module's docstring without rewrapping its lines."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def at_least(least: int) -> Callable[[str], int]:
    """Return an argument type for whole numbers of at least ``least``."""

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
    """Convert an argument to a finite number greater than zero."""
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f'{text!r} is not a number.') from None
    if not (value > 0 and math.isfinite(value)):
        raise ArgumentTypeError(f'{text} must be greater than 0.')
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: ``'; did you mean X?'`` or a full stop.

    Args:
        word: the unknown word.
        known: the words that would be valid.

    >>> did_you_mean('trian', ['test', 'train'])
    "; did you mean 'train'?"
    >>> did_you_mean('x', ['test', 'train'])
    '.'
    """
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f'; did you mean {near[0]!r}?' if near else '.'
