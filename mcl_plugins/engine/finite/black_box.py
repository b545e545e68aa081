"""The black box: what is needed to repeat the step at which a training stopped.

It is the folder ``black_box`` in the work dir, with

- ``report.json``: iteration, reason, the first module that is not finite and its rank, the scalars
  of the last steps;
- ``rank_N.pth``: the batch as it came from the loader and the names of its files, the states of the
  generators and the buffers before the step, of each process;
- ``model.pth``: the weights before the step; ``config.py``: the config.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MessageHub

from ...checkpoint.files import save_file
from ...utils.writing import write_json, write_text
from .passes import Pass
from .samples import file_names, to_plain

FOLDER, REPORT, MODEL, CONFIG = 'black_box', 'report.json', 'model.pth', 'config.py'
LAST_STEPS = 50


def rank_file(folder: Path, rank: int) -> Path:
    """Return the file of one process."""
    return folder / f'rank_{rank}.pth'


def write_rank(folder: Path, rank: int, passes: list[Pass]) -> None:
    """Write what a process knows of the passes of a step."""
    content = {
        'rank': rank,
        'passes': [
            {
                'iteration': part.iteration,
                'batch': to_plain(part.batch),
                'files': file_names(part.batch),
                'generators': part.generators,
                'losses': to_plain(part.losses),
            }
            for part in passes
        ],
        'buffers': to_plain(passes[0].buffers) if passes else {},
    }
    save_file(content, rank_file(folder, rank))


def write_model(folder: Path, state: dict[str, torch.Tensor], config: str) -> None:
    """Write the weights before the step, and the config."""
    save_file({'state_dict': {name: value.cpu() for name, value in state.items()}}, folder / MODEL)
    write_text(folder / CONFIG, config)


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write the report; numbers that JSON does not know are written as words."""
    write_json(folder / REPORT, as_json(report))


def as_json(value: Any) -> Any:
    """Replace numbers that are not finite by their names.

    Example:
        >>> as_json({'loss': [1.5, float('nan')]})
        {'loss': [1.5, 'nan']}
    """
    if isinstance(value, dict):
        return {str(key): as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def last_scalars(hub: MessageHub, passes: list[Pass]) -> dict[str, list[float]]:
    """Return the last values of every scalar of the log, with those of the passes at their end."""
    scalars = {
        name: [float(value) for value in buffer.data[0][-LAST_STEPS:]]
        for name, buffer in hub.log_scalars.items()
        if name.startswith('train/')
    }
    for part in passes:
        for name, value in part.losses.items():
            parts = value if isinstance(value, list) else [value]
            total = sum(float(entry.mean()) for entry in parts)
            scalars.setdefault(f'train/{name}', []).append(total)
    return scalars


def read_report(folder: str | os.PathLike) -> dict[str, Any]:
    """Read the report of a black box.

    Raises:
        FileNotFoundError: the folder has no report.
        ValueError: it is damaged, or lacks an entry.
    """
    path = Path(folder, REPORT)
    if not path.is_file():
        raise FileNotFoundError(
            f'{folder} is no black box: it has no {REPORT}. A training that stops at a step that '
            f'is not finite writes one into its work dir, work_dirs/.../{FOLDER}.'
        )
    try:
        report = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path} is damaged: {error}') from None
    wanted = {'iteration': int, 'rank': int, 'processes': int, 'infos': dict}
    for key, kind in wanted.items():
        if not isinstance(report, dict) or not isinstance(report.get(key), kind):
            raise ValueError(f'{path} has no {key!r}; it was not written by this package.')
    return report
