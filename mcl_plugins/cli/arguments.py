"""Command line arguments of all commands: parsers, number types and spelling suggestions."""

from __future__ import annotations

import argparse
import difflib
import math
import textwrap
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows the docstring as it is, the default of each option, and no word in two parts."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ''
        takes_value = action.nargs != 0 and (action.option_strings or action.nargs == '?')
        if not takes_value or action.default in (None, argparse.SUPPRESS, [], {}, ''):
            return text
        stated = 'default' in text
        several = isinstance(action.default, list | tuple)
        default = ' '.join(map(str, action.default)) if several else str(action.default)
        return text if stated else f'{text} (default: {default.replace("%", "%%")})'

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(' '.join(text.split()), width, break_on_hyphens=False)


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """Create a parser whose help shows a module's docstring as it is, and all defaults."""
    return argparse.ArgumentParser(description=description, formatter_class=HelpFormatter)


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
