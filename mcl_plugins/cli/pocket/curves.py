"""Reference curves of the pocket benchmark's rows, ``zoo/curves/*.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...engine.doctor.reference import read_seeds
from ...utils.writing import atomic_write
from ..logs import Run
from .records import zoo

COLUMNS = ('seed', 'name', 'step', 'value')
Curves = Mapping[str, Sequence[Sequence[float]]]  # for each name its steps and its values


def curves_file(data: str, row: str) -> Path:
    """Return the file with the curves of a row on a data set."""
    return zoo() / 'curves' / f'{row}_{data}.csv'


def add_curves(file: Path, seed: int, curves: Curves) -> None:
    """Write the curves of a run into a file, in the place of earlier ones of its seed."""
    rows = [row for row in _read(file) if row['seed'] != str(seed)]
    for name, (steps, values) in curves.items():
        rows += [
            {'seed': str(seed), 'name': name, 'step': f'{step:.0f}', 'value': f'{value:.5g}'}
            for step, value in zip(steps, values, strict=True)
        ]
    rows.sort(key=lambda row: (row['name'], int(row['seed']), int(row['step'])))
    with atomic_write(file) as part, part.open('w', newline='', encoding='utf-8') as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)


def read_curves(file: Path) -> list[Run]:
    """Return the runs of a file, one for each seed; none if there is no such file."""
    return [Run(f'seed {seed}', curves) for seed, curves in read_seeds(file).items()]


def references() -> list[str]:
    """Return the names of the rows with curves: ``conmim-pocket``, on other data also its name."""
    return sorted(_name(file) for file in (zoo() / 'curves').glob('*.csv'))


def read_reference(name: str) -> list[Run]:
    """Return the runs of a reference, by its name in :func:`references`."""
    files = {_name(file): file for file in (zoo() / 'curves').glob('*.csv')}
    return read_curves(files[name])


def _name(file: Path) -> str:
    row, _, data = file.stem.rpartition('_')
    return f'{row}-pocket' if data == 'digits' else f'{row}-pocket-{data}'


def _read(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline='', encoding='utf-8') as stream:
        return list(csv.DictReader(stream))
