"""Read the scalars that trainings logged, ``*/vis_data/scalars.json`` in their work dirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..utils.literals import read_assignments

_TIMES = ('time', 'data_time')  # of an iteration


@dataclass
class Run:
    """Scalars of a run: for each name its steps and values."""

    name: str
    curves: dict[str, tuple[list[int], list[float]]]


def read_run(work_dir: Path, name: str) -> Run:
    """Read all scalars that were logged in a work dir.

    A training that was resumed at a step replaces what was logged from this step on, validations
    included, whatever they are numbered by; one that was begun anew replaces all. Times that a
    validation logs are left out: they are those of its own iterations.

    Raises:
        FileNotFoundError: the work dir has no log files.
        ValueError: a line of a file is not a JSON object with a step.
    """
    rows: list[tuple[int, dict]] = []
    for file in log_files(work_dir):
        new = list(_placed(read_rows(file)))
        trained = [at for at, row in new if _is_training(row)]
        if trained:
            anew = _begins(trained) and not _resumes(file)
            rows = [] if anew else [(at, row) for at, row in rows if at < trained[0]]
        rows += new
    curves: dict[str, dict[int, float]] = {}
    for _, row in rows:
        for key, value in row.items():
            if isinstance(value, int | float) and (key not in _TIMES or _is_training(row)):
                curves.setdefault(key, {})[row['step']] = value
    ordered = {key: dict(sorted(points.items())) for key, points in curves.items()}
    return Run(name, {key: (list(c), list(c.values())) for key, c in ordered.items()})


def log_files(work_dir: Path) -> list[Path]:
    """List the log files of a work dir, oldest first; each start of the training wrote one.

    Raises:
        FileNotFoundError: there is no log file.
    """
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'{str(work_dir)!r} has no */vis_data/scalars.json; give the work dir of a training.'
        )
    return files


def read_rows(file: Path) -> list[dict]:
    """Read the lines of a log file; an incomplete last line of a killed run is ignored.

    Raises:
        ValueError: any other line is not a JSON object, or a line has no step.
    """
    rows = []
    lines = file.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):  # the run was killed while it wrote
                break
            raise ValueError(f'{file}, line {number} is not JSON: {error}.') from None
        if not isinstance(row, dict) or not isinstance(row.get('step'), int):
            raise ValueError(f'{file}, line {number} is no object with a whole number as its step.')
        rows.append(row)
    return rows


def _placed(rows: list[dict]) -> Iterator[tuple[int, dict]]:
    """Yield rows with the step of the training at which they were written.

    A validation may be numbered by its epoch; it was written after the training's row before it.
    """
    at = next((row['step'] - 1 for row in rows if _is_training(row)), 0)
    for row in rows:
        if _is_training(row):
            at = row['step']
        yield at, row


def _is_training(row: dict) -> bool:
    """Whether a row is of the training's iterations, and not of a validation or a probe."""
    return 'iter' in row or any(name.startswith('loss') for name in row)


def _begins(steps: list[int]) -> bool:
    """Whether the first of these steps may be the first that a training logs."""
    return len(steps) == 1 or steps[0] <= steps[1] - steps[0]


def _resumes(file: Path) -> bool:
    """Whether the config beside a log says that the training was resumed; so without a config."""
    config = file.with_name('config.py')
    if not config.is_file():
        return True
    return bool(read_assignments(config.read_text(encoding='utf-8')).get('resume'))
