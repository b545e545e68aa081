"""What trainings logged: ``*/vis_data/scalars.json`` below their work dirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    """What a run logged: for each name its steps and values."""

    name: str
    curves: dict[str, tuple[list[int], list[float]]]


def read_run(work_dir: Path, name: str) -> Run:
    """All that was logged in a work dir: a run that began anew at a step replaces what followed it.

    Raises:
        FileNotFoundError: nothing was logged there.
        ValueError: a file holds something else than log lines.
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
    """The log files of a work dir, oldest first; one for each start of the training.

    Raises:
        FileNotFoundError: there is none.
    """
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'{str(work_dir)!r} has no */vis_data/scalars.json: no run logged there.'
        )
    return files


def read_rows(file: Path) -> list[dict]:
    """The lines of a log file; half a last line, of a run that was killed, is left out.

    Raises:
        ValueError: another line is no JSON.
    """
    rows = []
    lines = file.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number == len(lines):  # the run was killed while it wrote
                break
            raise ValueError(f'{file}, line {number} is no log line: {error}.') from None
    return rows


def _points(rows: list[dict]) -> dict[str, dict[int, float]]:
    """Values by name and step."""
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, int | float):
                values.setdefault(key, {})[row['step']] = value
    return values
