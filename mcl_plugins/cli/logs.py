"""Read the scalars that trainings logged, ``*/vis_data/scalars.json`` in their work dirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    """Scalars of a run: for each name its steps and values."""

    name: str
    curves: dict[str, tuple[list[int], list[float]]]


def read_run(work_dir: Path, name: str) -> Run:
    """Read all scalars that were logged in a work dir.

    A training that was resumed at a step replaces the earlier values from this step on.

    Raises:
        FileNotFoundError: the work dir has no log files.
        ValueError: a line of a file is not JSON.
    """
    curves: dict[str, dict[int, float]] = {}
    for file in log_files(work_dir):
        for key, points in _points(read_rows(file)).items():
            start = min(points)
            before = curves.get(key, {})
            kept = {step: value for step, value in before.items() if step < start}
            curves[key] = {**kept, **points}
    return Run(name, {key: (list(c), list(c.values())) for key, c in curves.items()})


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
        ValueError: any other line is not JSON.
    """
    rows = []
    lines = file.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number == len(lines):  # the run was killed while it wrote
                break
            raise ValueError(f'{file}, line {number} is not JSON: {error}.') from None
    return rows


def _points(rows: list[dict]) -> dict[str, dict[int, float]]:
    """Group the values by name and step."""
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, int | float):
                values.setdefault(key, {})[row['step']] = value
    return values
