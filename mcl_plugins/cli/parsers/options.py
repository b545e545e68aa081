"""Options of the config on the command line: ``--cfg-options key=value``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...utils.literals import read_literal


class Typed:
    """A number or list with the text that was typed for it, which may be meant as a word.

    It equals the plain value and is one of its type, so only :func:`merge_options` need know it.

    Attributes:
        plain: the value.
        text: what was typed.
    """

    plain: Any
    text: str


class _TypedInt(Typed, int):
    pass


class _TypedFloat(Typed, float):
    pass


class _TypedList(Typed, list):
    pass


_TYPED: dict[type, type[Typed]] = {int: _TypedInt, float: _TypedFloat, list: _TypedList}


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
        options = dict(getattr(namespace, self.dest, None) or {})
        for option in values or ():
            key, equals, value = option.partition('=')
            if not key or key != key.strip() or not equals:
                raise argparse.ArgumentError(
                    self,
                    f'{option!r} is not of the form key=value (without a blank beside the "=")',
                )
            try:
                options[key] = read_option(value)
            except ValueError as error:
                raise argparse.ArgumentError(self, f'{option!r}: {error}') from None
        setattr(namespace, self.dest, options)


def read_option(text: str) -> Any:
    """Read a value with its text if that, without brackets and quotation marks, may be a word.

    Raises:
        ValueError: brackets do not match.

    Example:
        >>> read_option('007'), read_option('007').text
        (7, '007')
    """
    value = read_value(text)
    kind = _TYPED.get(type(value))
    if kind is None or text.startswith(('[', '(', '"', "'")):
        return value
    typed = kind(value)  # type: ignore[call-arg]
    typed.plain, typed.text = value, text
    return typed


def write_option(value: Any) -> str:
    """Write a value as :func:`read_option` reads it.

    Example:
        >>> write_option(read_option('007')), write_option([1, 'a']), write_option(None)
        ('007', "[1, 'a']", 'None')
    """
    return value.text if isinstance(value, Typed) else str(value)


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
