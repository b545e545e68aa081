"""What makes a training the one that it is: method, starting weights, data, seed, versions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.config import Config

from ..checkpoint.digest import sha256_of
from ..utils.literals import read_assignments
from ..version import __version__

# Keys of a config that say where data is.
_PLACES = ('data_root', 'ann_file', 'data_prefix')
# What is about the place and the way of running, or what the commands add to a config.
OF_RUN = (
    'experiment_name',
    'launcher',
    'load_from',
    'log_level',
    'resume',
    'resume_found',
    'start_files',
    'work_dir',
    'train_dataloader.persistent_workers',
    'train_dataloader.pin_memory',
)
_UNSET = object()
_MANY = 20  # differences of two configs that are listed


def identify(config: Config) -> dict[str, Any]:
    """Describe a training by plain values that a checkpoint can hold.

    Args:
        config: of the training, as the commands have completed it.

    Returns:
        ``method``, the type of the model; ``start``, for each config key that names a file of
        weights its path and hash; ``data``, the folders and lists by config key; ``seed``;
        ``versions``.
    """
    model = config.get('model') or {}
    randomness = config.get('randomness') or {}
    return {
        'method': str(model.get('type', '')).rpartition('.')[2],
        'start': {key: _fingerprint(file) for key, file in starting_files(config).items()},
        'data': dict(_data_places(config)),
        'seed': randomness.get('seed'),
        'versions': {
            'mcl_plugins': __version__,
            'mmengine': mmengine.__version__,
            'torch': str(torch.__version__),
        },
    }


def starting_files(config: Config) -> dict[str, str]:
    """Return the files that a training starts from, by the config keys that name them.

    An empty name, which a config has in place of one that the user is to set, is kept. On resuming
    the commands take these files out of the config and note them under ``start_files``.
    """
    if 'start_files' in config:
        return dict(config.start_files)
    files = {
        key: value
        for key, value in flatten({'model': config.get('model') or {}}).items()
        if key.endswith('.checkpoint') and isinstance(value, str)
    }
    if config.get('load_from') and not config.get('resume'):
        files['load_from'] = config.load_from
    return files


def loads_weights(config: Config) -> bool:
    """Whether a training begins with weights of a file: of the whole model, or of its encoder.

    The file of a frozen teacher or of another part says nothing of what is trained.

    Example:
        >>> init = dict(type='Pretrained', checkpoint='mae.pth')
        >>> loads_weights(Config(dict(model=dict(backbone=dict(init_cfg=init)))))
        True
        >>> loads_weights(Config(dict(model=dict(teacher=dict(backbone=dict(init_cfg=init))))))
        False
    """
    return any(
        file and (key == 'load_from' or key.startswith(('model.init_cfg.', 'model.backbone.')))
        for key, file in starting_files(config).items()
    )


def _fingerprint(file: str) -> dict[str, str | None]:
    return {'file': file, 'sha256': _hash(str(Path(file).expanduser())) if file else None}


@lru_cache(maxsize=8)
def _hash(path: str) -> str | None:
    """Return the hash of a file; None for a URL and for a file that is not there."""
    if not Path(path).is_file():
        return None
    return sha256_of(path)


def _data_places(config: Config) -> Iterator[tuple[str, str]]:
    for loader in ('train_dataloader', 'val_dataloader'):
        for key, value in flatten({loader: config.get(loader) or {}}).items():
            parts = key.split('.')
            if not set(_PLACES) & set(parts[-2:]) or value in (None, ''):
                continue
            yield key, os.path.realpath(value) if parts[-1] == 'data_root' else str(value)


def flatten(section: Any, path: str = '') -> dict[str, Any]:
    """Return the values within dicts and lists by their dotted paths.

    Example:
        >>> flatten({'a': [{'b': 1}, 2]})
        {'a.0.b': 1, 'a.1': 2}
    """
    if not isinstance(section, dict | list | tuple) or not section:
        return {path: section}
    items = section.items() if isinstance(section, dict) else enumerate(section)
    found = {}
    for key, part in items:
        found.update(flatten(part, f'{path}.{key}' if path else str(key)))
    return found


def differing(*settings: dict[str, Any]) -> list[str]:
    """Return the sorted names of the settings that are not the same in all of several configs.

    A setting that one config lacks differs from None, and 1 from True.

    Args:
        *settings: of each config, by dotted name.

    Example:
        >>> differing({'a': None, 'b': 1, 'c': 2}, {'b': True, 'c': 2})
        ['a', 'b']
    """
    names = sorted({name for part in settings for name in part})
    return [name for name in names if len({repr(part.get(name, _UNSET)) for part in settings}) > 1]


def is_of_run(key: str) -> bool:
    """Whether a setting, by its dotted name, is about the run and not about what is trained.

    Example:
        >>> [is_of_run(key) for key in ('resume', 'start_files.load_from', 'resume_after')]
        [True, True, False]
    """
    return any(key == name or key.startswith(f'{name}.') for name in OF_RUN)


def read_settings(text: str) -> dict[str, Any]:
    r"""Return the settings of a config that say what is trained, by dotted name; nothing is run.

    A resumed training's config has the files that it started from under ``start_files``. They are
    put back to where they are in a config that was not resumed; what else is beside the name of
    such a file, its kind and prefix, is left out of both.

    Args:
        text: of the config, as MMEngine writes it into a work dir or a checkpoint.

    Example:
        >>> read_settings("model = dict(type='ConMIM')\nwork_dir = 'work_dirs/mine'")
        {'model.type': 'ConMIM'}
        >>> read_settings("resume = True\nload_from = 'b'\nstart_files = {'load_from': 'a.pth'}")
        {'load_from': 'a.pth'}
    """
    settings = flatten(read_assignments(text))
    beginning = 'start_files.'
    starts = {
        key.removeprefix(beginning): value
        for key, value in settings.items()
        if key.startswith(beginning) or (key.startswith('model.') and key.endswith('.checkpoint'))
    }
    if settings.get('load_from') and not settings.get('resume'):
        starts['load_from'] = settings['load_from']
    beside = tuple(key.removesuffix('checkpoint') for key in starts if key.endswith('.checkpoint'))
    kept = {
        key: value
        for key, value in settings.items()
        if not is_of_run(key) and not key.startswith(beside)
    }
    return {**kept, **starts}


def differences(saved: dict[str, Any], present: dict[str, Any]) -> dict[str, list[str]]:
    """Compare two identities.

    Args:
        saved: of a checkpoint, see :func:`identify`.
        present: of the training that is resumed.

    Returns:
        One line for each difference, by the entry in which it is.
    """
    lines: dict[str, list[str]] = {
        'method': [],
        'start': [],
        'data': [],
        'seed': [],
        'versions': [],
    }
    for name, setting in (('method', 'model.type'), ('seed', 'randomness.seed')):
        if saved.get(name) != present[name]:
            lines[name] = [_line(setting, saved.get(name), present[name])]
    lines['start'] = list(_compare_files(saved.get('start') or {}, present['start']))
    for name in ('data', 'versions'):
        old, new = saved.get(name) or {}, present[name]
        # A loader that one of the two does not have (--no-validate) is not compared.
        common = {key.partition('.')[0] for key in old} & {key.partition('.')[0] for key in new}
        lines[name] = [
            _line(key, old.get(key), new.get(key))
            for key in dict.fromkeys([*old, *new])
            if old.get(key) != new.get(key) and key.partition('.')[0] in common
        ]
    return lines


def _compare_files(saved: dict[str, dict], present: dict[str, dict]) -> Iterator[str]:
    for key in dict.fromkeys([*saved, *present]):
        old, new = saved.get(key) or {}, present.get(key) or {}
        if new.get('file') == '' or (key == 'load_from' and not (old and new)):
            continue  # not stated now: the checkpoint has the weights
        hashes = old.get('sha256'), new.get('sha256')
        same = hashes[0] == hashes[1] if all(hashes) else old.get('file') == new.get('file')
        if not same:
            yield _line(key, _describe(old), _describe(new))


def _describe(file: dict[str, str | None]) -> str:
    if not file:
        return 'no file (random weights)'
    digest = file.get('sha256')
    short = f' (sha256 {digest[:12]})' if digest else ''
    return f'{file["file"]}{short}'


def _line(key: str, saved: object, present: object) -> str:
    return f'{key}: {saved} in the file, {present} here'


def config_differences(saved: str, present: Config) -> list[str]:
    """List the settings in which a checkpoint's config and that of this training differ.

    Args:
        saved: text of the checkpoint's config; nothing in it is run.
        present: config of this training.

    Returns:
        At most twenty lines, and one more that counts the rest.
    """
    old, new = read_assignments(saved), read_assignments(present.pretty_text)
    if not old:
        return []
    before, after = flatten(old), flatten(new)
    changed = set(differing(before, after))
    lines = [
        _line(key, before.get(key, 'not set'), after.get(key, 'not set'))
        for key in dict.fromkeys([*before, *after])
        if key in changed
        and not is_of_run(key)
        and 'init_cfg' not in key.split('.')  # compared as files of weights
    ]
    more = len(lines) - _MANY
    return [*lines[:_MANY], *([f'and {more} more'] if more > 0 else [])]
