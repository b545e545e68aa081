"""Collect what the runs left in their folders into ``zoo/``: records, curves and encoders."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from ...checkpoint.digest import sha256_of
from .measure import ENCODER
from .records import Run, finished, kept_file, read_kept, zoo
from .rows import ROWS

ZOO_DATA, ZOO_SEED = 'digits', 0  # the runs whose encoders are kept
COLUMNS = ('seed', 'name', 'step', 'value')


def collect(work_dir: Path | None = None) -> list[Path]:
    """Copy the results of finished runs into the tree; return the files that were written.

    Args:
        work_dir: folder of the runs; by default ``work_dirs/pocket``.
    """
    kept: dict[Path, dict[str, Any]] = {}
    written = []
    for run, record, folder in finished(work_dir):
        file = kept_file(run.table, run.data)
        records = kept.setdefault(file, read_kept(run.table, run.data))
        curves = record.pop('curves', {})
        records[f'{run.row}/{run.seed}'] = record
        if run.table == 'main' and curves:
            written.append(add_curves(run, curves))
        if run.table == 'main' and (run.data, run.seed) == (ZOO_DATA, ZOO_SEED):
            written += keep_encoder(run, folder)
    for file, records in kept.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(sorted(records.items())), indent=1)
        file.write_text(text + '\n', encoding='utf-8')
    return sorted({*kept, *written})


def curves_file(data: str, row: str) -> Path:
    """Return the file with the curves of a row."""
    return zoo() / 'curves' / f'{row}_{data}.csv'


def add_curves(run: Run, curves: dict[str, list[list[float]]]) -> Path:
    """Write the curves of a run into the file of its row, in the place of its earlier ones."""
    file = curves_file(run.data, run.row)
    rows = [row for row in read_curves_file(file) if row['seed'] != str(run.seed)]
    for name, (steps, values) in curves.items():
        rows += [
            {'seed': str(run.seed), 'name': name, 'step': f'{step:g}', 'value': f'{value:.5g}'}
            for step, value in zip(steps, values, strict=True)
        ]
    rows.sort(key=lambda row: (row['name'], int(row['seed']), int(row['step'])))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open('w', newline='', encoding='utf-8') as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
    return file


def read_curves_file(file: Path) -> list[dict[str, str]]:
    """Return the rows of a file of curves; none if it does not exist."""
    if not file.is_file():
        return []
    with file.open(newline='', encoding='utf-8') as stream:
        return list(csv.DictReader(stream))


def encoder_file(row: str) -> Path:
    """Return the file of a row's encoder in the zoo."""
    return zoo() / f'{row}-pocket.safetensors'


def keep_encoder(run: Run, folder: Path) -> list[Path]:
    """Copy a pre-trained encoder into the zoo and write the metafile; no row with labels."""
    source = folder / ENCODER
    if not source.is_file() or run.row == 'supervised':
        return []
    shutil.copyfile(source, encoder_file(run.row))
    return [encoder_file(run.row), write_metafile()]


def write_metafile() -> Path:
    """Write ``zoo/metafile.yml``: for each encoder its config, digest and results."""
    import yaml  # noqa: PLC0415

    models = [
        {
            'Name': f'{row.name}-pocket',
            'Config': f'configs/pocket/{row.config}.py',
            'Weights': f'zoo/{encoder_file(row.name).name}',
            'SHA256': sha256_of(encoder_file(row.name)),
            'Record': f'zoo/records/main_{ZOO_DATA}.json, {row.name}/{ZOO_SEED}',
        }
        for row in ROWS.values()
        if encoder_file(row.name).is_file()
    ]
    file = zoo() / 'metafile.yml'
    file.write_text(yaml.safe_dump({'Models': models}, sort_keys=False), encoding='utf-8')
    return file
