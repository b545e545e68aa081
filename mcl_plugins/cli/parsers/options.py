"""Options of the config on the command line: ``--cfg-options key=value``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...utils.literals import read_literal


class Typed(dict[str, Any]):
    """Options with the words as they were typed, for those values that were meant as words.

    Attributes:
        words: what was typed, by key.
    """

    def __init__(self, options: dict[str, Any], words: dict[str, str]) -> None:
        super().__init__(options)
        self.words = words


class Options(argparse.Action):
    """OpenMMLab's ``key=value`` options, with a message for options that cannot be parsed.

    A value is a number, True, False, None, a list (``1,2`` or ``[1,2]``), a tuple (``(1,2)``), a
    literal of Python, ``dict(...)`` among them, or else a word. Blanks in a word and paths, those
    of Windows too, are left as they are. :func:`merge_options` takes a number for a word where the
    config has a word.
    """

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Add the options to those that were read before."""
        before = getattr(namespace, self.dest, None) or {}
        options, words = dict(before), dict(getattr(before, 'words', {}))
        for option in values or ():
            key, equals, value = option.partition('=')
            if not key or key != key.strip() or not equals:
                raise argparse.ArgumentError(
                    self,
                    f'{option!r} is not of the form key=value (without a blank beside the "=")',
                )
            try:
                options[key] = read_value(value)
            except ValueError as error:
                raise argparse.ArgumentError(self, f'{option!r}: {error}') from None
            words[key] = value
        setattr(namespace, self.dest, Typed(options, words))


def read_value(text: str) -> Any:
    """Read the value of an option.

    Raises:
        ValueError: brackets do not match.

    Example:
        >>> read_value('[1,2]'), read_value('my images'), read_value("[dict(type='ProbeHook')]")
        ([1, 2], 'my images', [{'type': 'ProbeHook'}])
    """
    bare = text.strip('\'"')
    if not bare.lstrip().startswith(('[', '(', '{', 'dict(')):
        path = '/' in bare or '\\' in bare
        if ',' not in bare or (path and Path(bare).exists()):
            return _read_word(bare)
    if any(sign in bare for sign in ('dict(', '{', "'", '"')):
        try:
            return read_literal(bare)
        except ValueError:
            pass  # words with a quotation mark among them
    return _read_list(bare)


def _read_list(text: str) -> Any:
    """Read a list or a tuple of words without quotation marks, as OpenMMLab's commands do."""
    text = text.strip()
    for opening, closing in ('()', '[]'):
        if text.count(opening) != text.count(closing):
            raise ValueError(f'Imbalanced brackets in {text}')
    bracketed = text[:1] + text[-1:] in ('()', '[]') and len(_split(text)) == 1
    if not bracketed and ',' not in text:
        return _read_word(text.strip('\'"'))
    items = [_read_list(item) for item in _split(text[1:-1] if bracketed else text)]
    return tuple(items) if bracketed and text[0] == '(' else items


def _split(text: str) -> list[str]:
    """Split at the commas that are outside of brackets."""
    items, depth = [''], 0
    for character in text:
        depth += (character in '([') - (character in ')]')
        if character == ',' and depth == 0:
            items.append('')
        else:
            items[-1] += character
    return items if items[-1].strip() else items[:-1]


def _read_word(text: str) -> Any:
    named = {'true': True, 'false': False}
    if text.lower() in named or text == 'None':
        return named.get(text.lower())
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
