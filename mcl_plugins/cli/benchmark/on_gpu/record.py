"""The record of a run: what was measured, on what, with which versions."""

from __future__ import annotations

import platform
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from ....utils.reading import read_json
from ....utils.writing import write_json
from ....version import __version__

# What all measurements of a record have in common.
CONDITIONS = ('card', 'torch', 'mcl_plugins', 'batch', 'tiny')


def conditions(device: str, batch: int, tiny: bool) -> dict[str, Any]:
    """Return the conditions of the measurements of this process's machine."""
    card = torch.cuda.get_device_name() if device == 'cuda' else _processor()
    return {
        'card': card,
        'torch': torch.__version__,
        'mcl_plugins': __version__,
        'batch': batch,
        'tiny': tiny,
        'date': f'{datetime.now():%Y-%m-%d}',
    }


def _processor() -> str:
    return f'CPU ({platform.machine()})'


class Record:
    """A JSON file of measurements, which a later run continues.

    Args:
        path: the file, which need not exist.
        found: the conditions of this run.

    Attributes:
        content: the conditions, and ``results`` by the name of the measurement.

    Raises:
        ValueError: the file has measurements under other conditions, or is no record.
    """

    def __init__(self, path: Path, found: dict[str, Any]) -> None:
        self.path = path
        self.content: dict[str, Any] = {**found, 'results': {}}
        if path.is_file():
            earlier = read_record(path)
            for key in CONDITIONS:
                if earlier.get(key) != found[key]:
                    raise ValueError(
                        f'{path} was measured with {key}={earlier.get(key)!r}, and this run has '
                        f'{key}={found[key]!r}: name another file with --json.'
                    )
            self.content = earlier

    def is_done(self, name: str) -> bool:
        """Whether a measurement is there and has not failed."""
        return 'error' not in self.content['results'].get(name, {'error': 'missing'})

    def add(self, name: str, result: dict[str, Any]) -> None:
        """Add a measurement and write the file."""
        self.content['results'][name] = result
        write_json(self.path, self.content, indent=1)


def failed_checks(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the names of the checks that did not pass, or could not be made.

    Example:
        >>> failed_checks({'tests': {'passed': True}, 'golden/a': {'error': ''}, 'ours/b': {}})
        ['golden/a']
    """
    return [name for name in checks_of(results) if not results[name].get('passed')]


def checks_of(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the names of the checks among measurements."""
    return sorted(name for name in results if not name.startswith(('ours/', 'mmpretrain/')))


def read_record(path: Path) -> dict[str, Any]:
    """Read a record.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no record.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; bash tools/benchmark/gpu.sh writes it.')
    remedy = 'bash tools/benchmark/gpu.sh writes a record.'
    content = read_json(path, remedy)
    if 'results' not in content:
        raise ValueError(f'{path} is no record of measurements: it has no results. {remedy}')
    return content
