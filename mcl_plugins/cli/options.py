"""Options of the command line, ``--cfg-options key=value``: read, check and merge them."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from .arguments import did_you_mean

# Sections that are read from a config beside the arguments of MMEngine's Runner; all are optional.
_OTHER_SECTIONS = {
    'custom_imports',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}
_SECTIONS = (_OTHER_SECTIONS | set(inspect.signature(Runner).parameters)) - {'cfg'}
_SCALE_LR = ('enable', 'base_batch_size')


class Options(DictAction):
    """MMEngine's ``key=value`` options, with a message for options that cannot be parsed.

    MMEngine removes blanks from values and splits them at commas. Here a path is left as it is.
    """

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Add the options to those that were read before."""
        for option in values or ():
            key, equals, value = option.partition('=')
            if not key or not equals:
                raise argparse.ArgumentError(
                    self,
                    f'{option!r} is not of the form key=value (without a blank beside the "=")',
                )
            try:
                self._parse_iterable(value)
            except (AssertionError, IndexError) as error:
                raise argparse.ArgumentError(self, f'{option!r}: {error}') from None
        super().__call__(parser, namespace, values, option_string)

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        path = '/' in val and not val.startswith(('[', '(', '"', "'"))
        if path and (',' not in val or Path(val).exists()):
            return val
        return DictAction._parse_iterable(val)


def merge_options(config: Config, options: dict[str, Any] | None) -> None:
    """Change a config in place by the options of a command line.

    Raises:
        ValueError: an option would be ignored, or is a part of a value that has no parts.
    """
    check_options(config, options or {})
    try:
        config.merge_from_dict(options or {})
    except (KeyError, TypeError) as error:  # MMEngine: no such index, or not a dict
        raise ValueError(f'--cfg-options {options}: {error.args[0]}') from None


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
