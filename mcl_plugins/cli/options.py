"""The settings of a command line, ``--cfg-options key=value``: read, checked, merged."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from .arguments import did_you_mean

# What is read of a config beside the arguments of MMEngine's Runner, and may be absent from it.
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
    """MMEngine's ``key=value`` settings, which takes blanks out of values and splits at commas.

    A path is left as it is. What cannot be read ends in the usage and a message.
    """

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Add the settings to those that were read before."""
        for setting in values or ():
            key, equals, value = setting.partition('=')
            if not key or not equals:
                raise argparse.ArgumentError(
                    self, f'{setting!r} is not key=value (with no blank beside the "=")'
                )
            try:
                self._parse_iterable(value)
            except (AssertionError, IndexError) as error:
                raise argparse.ArgumentError(self, f'{setting!r}: {error}') from None
        super().__call__(parser, namespace, values, option_string)

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        path = '/' in val and not val.startswith(('[', '(', '"', "'"))
        if path and (',' not in val or Path(val).exists()):
            return val
        return DictAction._parse_iterable(val)


def merge_options(config: Config, options: dict[str, Any] | None) -> None:
    """Change a config by the settings of a command line, in place.

    Raises:
        ValueError: a setting that nothing would read, or of something that has no parts.
    """
    check_options(config, options or {})
    try:
        config.merge_from_dict(options or {})
    except (KeyError, TypeError) as error:  # MMEngine's words: no such index, or no dict
        raise ValueError(f'--cfg-options {options}: {error.args[0]}') from None


def check_options(config: Config, options: dict[str, Any]) -> None:
    """Raise a ValueError for the first setting that would be ignored without a word.

    MMEngine refuses unknown arguments of what it builds; but it does not look at sections that it
    does not know, which a config's own variables are too, and in ``auto_scale_lr`` only for what
    it knows.
    """
    known = set(config.keys()) | _SECTIONS
    for key in options:
        section, _, rest = key.partition('.')
        if section in config and section not in _SECTIONS:
            raise ValueError(
                f'--cfg-options {key}: {section} is a variable of the config files, whose value '
                f'the sections have got already. {_where(config, section)}'
            )
        if section not in known:
            raise ValueError(
                f'--cfg-options {key}: nothing reads a section {section!r}'
                f'{did_you_mean(section, known)} The config has: {", ".join(sorted(config))}.'
            )
        if section == 'auto_scale_lr' and rest and rest not in _SCALE_LR:
            raise ValueError(
                f'--cfg-options {key}: auto_scale_lr has {" and ".join(_SCALE_LR)} only'
                f'{did_you_mean(rest, _SCALE_LR)}'
            )


def _where(config: Config, name: str) -> str:
    """Advice: what in the sections has a variable's name, else what has its value."""
    parts = list(_parts({section: config[section] for section in config if section in _SECTIONS}))
    found = [path for path, _ in parts if path.endswith(f'.{name}')]
    if not found and isinstance(config[name], dict | list):
        found = [path for path, part in parts if part == config[name]]
    return f'Set it where it is used{": " * bool(found)}{", ".join(found)}.'


def _parts(section: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Everything within a section with its dotted path."""
    items = section.items() if isinstance(section, dict) else enumerate(section)
    for key, part in items:
        yield f'{path}{key}', part
        if isinstance(part, dict | list):
            yield from _parts(part, f'{path}{key}.')
