"""Collect what the runs left in their folders into ``zoo/``: records, curves and encoders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ...checkpoint.digest import sha256_of
from ...utils.writing import atomic_write, write_json, write_text
from .curves import add_curves, curves_file
from .measure import ENCODER
from .records import Run, finished, kept_file, read_kept, zoo
from .rows import ROWS
from .tables import budget_of

ZOO_DATA, ZOO_SEED = 'digits', 0  # the runs whose encoders are kept


def collect(work_dir: Path | None = None) -> list[Path]:
    """Copy the results of finished runs into the tree; return the files that were written.

    Runs with another number of images than their table's (``--images``) stay where they are.

    Args:
        work_dir: folder of the runs; by default ``work_dirs/pocket``.
    """
    kept: dict[Path, dict[str, Any]] = {}
    written = []
    for run, record, folder in finished(work_dir):
        budget = budget_of(run.table)
        if budget not in (None, record['budget']):
            print(f'{folder}: left out, of {record["budget"]} images; the table has {budget}')
            continue
        file = kept_file(run.table, run.data)
        records = kept.setdefault(file, read_kept(run.table, run.data))
        curves = record.pop('curves', {})
        records[f'{run.row}/{run.seed}'] = record
        if run.table == 'main' and curves:
            written.append(curves_file(run.data, run.row))
            add_curves(written[-1], run.seed, curves)
        if run.table == 'main' and (run.data, run.seed) == (ZOO_DATA, ZOO_SEED):
            written += keep_encoder(run, folder)
    for file, records in kept.items():
        write_json(file, dict(sorted(records.items())), indent=1)
    return sorted({*kept, *written})


def encoder_file(row: str) -> Path:
    """Return the file of a row's encoder in the zoo."""
    return zoo() / f'{row}-pocket.safetensors'


def keep_encoder(run: Run, folder: Path) -> list[Path]:
    """Copy a pre-trained encoder into the zoo and write the metafile; no row with labels."""
    source = folder / ENCODER
    if not source.is_file() or run.row == 'supervised':
        return []
    with atomic_write(encoder_file(run.row), source.stat().st_size) as temporary:
        shutil.copyfile(source, temporary)
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
    write_text(file, yaml.safe_dump({'Models': models}, sort_keys=False))
    return file
