"""Options of the command line, ``--cfg-options key=value``: read, check and merge them."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.runner import FlexibleRunner, Runner

from ..utils.literals import read_literal
from .arguments import did_you_mean

# What the commands read of a config, and MMEngine does not.
_OWN_SECTIONS = {'auto_scale_schedule', 'runner_type', 'tta_model', 'tta_pipeline'}
# How the keys of files and folders end.
_PATHS = ('_dir', '_file', '_path', '_prefix', '_root', 'checkpoint')


def _read_sections() -> set[str]:
    """Return the sections that MMEngine reads of a config: what its Runners and its Config look up.

    The list is derived from MMEngine's code, and so is that of the installed version: the arguments
    of both Runners (the flexible one has ``strategy``), and what they look up in their ``cfg``
    (``compile``, ``activation_checkpointing``, ``sync_bn``, ...).
    """
    arguments = {
        name for runner in (Runner, FlexibleRunner) for name in inspect.signature(runner).parameters
    }
    code = ''.join(inspect.getsource(part) for part in (Runner, FlexibleRunner))
    looked_up = set(re.findall(r"""self\.cfg\.(?:get|pop)\(\s*['"](\w+)""", code))
    config = set(re.findall(r"""cfg_dict\.(?:get|pop)\(\s*['"](\w+)""", inspect.getsource(Config)))
    return (arguments | looked_up | config) - {'cfg'}


_SECTIONS = _OWN_SECTIONS | _read_sections()
_SCALE_LR = ('enable', 'base_batch_size')


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


def merge_options(config: Config, options: dict[str, Any] | None) -> None:
    """Change a config in place by the options of a command line.

    A number is taken as it was typed where the config has a word, or where the key is that of a
    file or folder: ``data_root=2024``. The place after the last one of a list adds to it:
    ``custom_hooks.0.type=mcl_plugins.ProbeHook``, and with two backends in the list
    ``visualizer.vis_backends.2.type=WandbVisBackend``.

    Raises:
        ValueError: an option would be ignored, or is a part of a value that has no parts.
    """
    given = dict(options or {})
    check_options(config, given)
    for key, word in getattr(options, 'words', {}).items():
        meant = isinstance(given[key], int | float | list) and not isinstance(given[key], bool)
        if meant and not word.startswith(('[', '(', '"', "'")) and _is_word(config, key):
            given[key] = word
    for key in given:
        _make_place(config, key)
    try:
        config.merge_from_dict(given)
    except (KeyError, TypeError) as error:  # MMEngine: no such index, or not a dict
        raise ValueError(f'--cfg-options {options}: {error.args[0]}') from None


def _is_word(config: Config, key: str) -> bool:
    """Whether the value of a key is a word: it is one now, or it names a file or folder."""
    part: Any = config
    for name in key.split('.'):
        if isinstance(part, list | tuple) and name.isdigit() and int(name) < len(part):
            part = part[int(name)]
        elif isinstance(part, Config | dict) and name in part:
            part = part[name]
        else:
            part = None
            break
    named = key.endswith(_PATHS) or key in ('load_from', 'experiment_name')
    return isinstance(part, str) or (part is None and named)


def _make_place(config: Config, key: str) -> None:
    """Add an empty entry to a list if a key is of the place after its last one."""
    part: Any = config
    names = key.split('.')
    for name, following in zip(names, [*names[1:], ''], strict=True):
        if isinstance(part, list):
            if not name.isdigit() or int(name) > len(part):
                return
            if int(name) == len(part):
                part.append(ConfigDict())
            part = part[int(name)]
        elif isinstance(part, Config | dict):
            if part.get(name) is None and following == '0':
                part[name] = []
            part = part.get(name)
        else:
            return


def check_options(config: Config, options: dict[str, Any]) -> None:
    """Raise a ValueError for the first option that would be silently ignored.

    MMEngine refuses unknown arguments of the parts that it builds. It ignores unknown sections,
    such as the variables of a config file, and unknown keys of ``auto_scale_lr``.
    """
    known = set(config.keys()) | _SECTIONS
    for key in options:
        section, _, rest = key.partition('.')
        if section in config and section not in _SECTIONS:
            raise ValueError(
                f'--cfg-options {key}: {section} is a variable of the config files, which is '
                f'not read after they are loaded. {_where(config, section)}'
            )
        if section not in known:
            raise ValueError(
                f'--cfg-options {key}: there is no section {section!r}'
                f'{did_you_mean(section, known)} The config has: {", ".join(sorted(config))}.'
            )
        if section == 'auto_scale_lr' and rest and rest not in _SCALE_LR:
            raise ValueError(
                f'--cfg-options {key}: auto_scale_lr has {" and ".join(_SCALE_LR)} only'
                f'{did_you_mean(rest, _SCALE_LR)}'
            )


def _where(config: Config, name: str) -> str:
    """Advise which option to set instead: the one with the variable's name, or with its value."""
    parts = list(_parts({section: config[section] for section in config if section in _SECTIONS}))
    found = [path for path, _ in parts if path.endswith(f'.{name}')]
    if not found and isinstance(config[name], dict | list):
        found = [path for path, part in parts if part == config[name]]
    return f'Set it where it is used{": " * bool(found)}{", ".join(found)}.'


def _parts(section: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Yield every part of a section with its dotted path."""
    items = section.items() if isinstance(section, dict) else enumerate(section)
    for key, part in items:
        yield f'{path}{key}', part
        if isinstance(part, dict | list):
            yield from _parts(part, f'{path}{key}.')
