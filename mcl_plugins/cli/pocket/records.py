"""Records of the pocket benchmark: each run's own file, and what of them is kept in the tree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...utils.places import home, workspace
from ...utils.reading import read_json
from ...utils.writing import write_json

RECORD = 'record.json'
_ANEW = 'Remove it, and the run is made anew.'


class Run(NamedTuple):
    """A run of the benchmark, which has a record when it is done.

    Attributes:
        table: a key of :data:`~.tables.TABLES`.
        data: name of the data set.
        row: name of the row, or of the claim's variant.
        seed: random seed.
    """

    table: str
    data: str
    row: str
    seed: int


def zoo() -> Path:
    """Return the folder of the records and encoders that are kept."""
    return home() / 'zoo'


def folder_of(run: Run, work_dir: Path | None = None) -> Path:
    """Return the folder of a run."""
    base = work_dir or workspace() / 'work_dirs' / 'pocket'
    return base / run.table / run.data / run.row / str(run.seed)


def kept_file(table: str, data: str) -> Path:
    """Return the file of the tree with the records of a table on a data set."""
    return zoo() / 'records' / f'{table}_{data}.json'


def read_kept(table: str, data: str) -> dict[str, dict[str, Any]]:
    """Return the records in the tree by ``<row>/<seed>``; empty if there are none."""
    file = kept_file(table, data)
    return read_json(file, 'Restore it.') if file.is_file() else {}


def is_done(
    run: Run, images: int, options: dict[str, Any] | None = None, work_dir: Path | None = None
) -> bool:
    """Whether there is a record of a run with this number of images and these options."""
    record = read(run, work_dir)
    wanted = json.loads(json.dumps(options or {}))  # a record has lists for tuples
    return record is not None and record['budget'] == images and record.get('options', {}) == wanted


def read(run: Run, work_dir: Path | None = None) -> dict[str, Any] | None:
    """Return the record of a run, the newer one in its folder before that in the tree."""
    file = folder_of(run, work_dir) / RECORD
    if file.is_file():
        return read_json(file, _ANEW)
    return read_kept(run.table, run.data).get(f'{run.row}/{run.seed}')


def write(run: Run, record: dict[str, Any], work_dir: Path | None = None) -> Path:
    """Write the record of a run into its folder."""
    file = folder_of(run, work_dir) / RECORD
    write_json(file, record, indent=1)
    return file


def finished(work_dir: Path | None = None) -> Iterator[tuple[Run, dict[str, Any], Path]]:
    """Find the records in the folders of runs."""
    base = work_dir or workspace() / 'work_dirs' / 'pocket'
    for file in sorted(base.glob(f'*/*/*/*/{RECORD}')):
        table, data, row, seed = file.parent.relative_to(base).parts
        record = read_json(file, _ANEW)
        yield Run(table, data, row, int(seed)), record, file.parent
