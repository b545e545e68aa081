"""Options of the command line, ``--cfg-options key=value``: read, check and merge them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.runner import FlexibleRunner, Runner

from .arguments import did_you_mean
from .parsers.options import Typed

# What the commands read of a config, and MMEngine does not.
_OWN_SECTIONS = {'auto_scale_schedule', 'runner_type', 'sharding', 'tta_model', 'tta_pipeline'}
# How the keys of files and folders end.
_PATHS = ('_dir', '_file', '_path', '_prefix', '_root', 'checkpoint')


@cache
def _sections() -> set[str]:
    """Return the sections of a config that the commands or MMEngine read.

    The list of MMEngine's is derived from its code, and so is that of the installed version: the
    arguments of both Runners (the flexible one has ``strategy``), and what they look up in their
    ``cfg`` (``compile``, ``activation_checkpointing``, ``sync_bn``, ...). Reading the code takes
    long, so it is left to a start with options.
    """
    arguments = {
        name for runner in (Runner, FlexibleRunner) for name in inspect.signature(runner).parameters
    }
    code = ''.join(inspect.getsource(part) for part in (Runner, FlexibleRunner))
    looked_up = set(re.findall(r"""self\.cfg\.(?:get|pop)\(\s*['"](\w+)""", code))
    config = set(re.findall(r"""cfg_dict\.(?:get|pop)\(\s*['"](\w+)""", inspect.getsource(Config)))
    return _OWN_SECTIONS | (arguments | looked_up | config) - {'cfg'}


_SCALE_LR = ('enable', 'base_batch_size')


def merge_options(config: Config, options: dict[str, Any] | None) -> None:
    """Change a config in place by the options of a command line.

    A number is taken as it was typed where the config has a word, or where the key is that of a
    file or folder: ``data_root=2024``. The place after the last one of a list adds to it:
    ``custom_hooks.0.type=mcl_plugins.ProbeHook``, and with two backends in the list
    ``visualizer.vis_backends.2.type=WandbVisBackend``.

    Raises:
        ValueError: an option would be ignored, or is a part of a value that has no parts.
    """
    given = {key: _meant(config, key, value) for key, value in (options or {}).items()}
    check_options(config, given)
    for key in given:
        _make_place(config, key)
    try:
        config.merge_from_dict(given)
    except (KeyError, TypeError) as error:  # MMEngine: no such index, or not a dict
        raise ValueError(f'--cfg-options {options}: {error.args[0]}') from None


def _meant(config: Config, key: str, value: Any) -> Any:
    """Return the value that is meant by one of the command line, which may be a word."""
    if not isinstance(value, Typed):
        return value
    return value.text if _is_word(config, key) else value.plain


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
    if not options:
        return
    known = set(config.keys()) | _sections()
    for key in options:
        section, _, rest = key.partition('.')
        if section in config and section not in _sections():
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
    parts = list(_parts({section: config[section] for section in config if section in _sections()}))
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
