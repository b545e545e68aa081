"""The tables of the pocket benchmark: which runs each consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .claims import CLAIMS
from .dense import DENSE_ROWS, SCENES, DenseRow, measure_dense
from .measure import measure
from .protocol import LABELS, RATES
from .records import Run, read_kept
from .rows import DATA, ROWS, Row

IMAGES = 60_000  # that a pre-training sees
CHOICE_SEED = 100  # of the trials; the other tables have the seeds from 0
REFERENCE = 'mae'  # the row whose work the others may do, in the table of equal work


@dataclass(frozen=True)
class Job:
    """A run and what it needs.

    Attributes:
        run: names it.
        row: what is pre-trained.
        images: number of images that the pre-training sees.
        options: options of its config.
        labels: numbers of labels to fine-tune with.
        part: part of the data set that is classified.
    """

    run: Run
    row: Row
    images: int
    options: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = LABELS
    part: str = 'test'

    def measure(self, folder: Path) -> dict[str, Any]:
        """Train and evaluate in a folder; return the record."""
        data, seed = DATA[self.run.data], self.run.seed
        return measure(
            self.row, data, self.images, seed, folder, self.options, self.labels, self.part
        )


@dataclass(frozen=True)
class DenseJob:
    """A run of the networks for segmentation and detection; its length is that of their configs."""

    run: Run
    row: DenseRow
    images: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def measure(self, folder: Path) -> dict[str, Any]:
        """Train and evaluate in a folder; return the record."""
        return measure_dense(self.row, self.run.seed, folder)


def plan(table: str, data: str, seeds: int, images: int = 0) -> list[Job] | list[DenseJob]:
    """Return the jobs of a table on a data set, one seed of all rows after the other.

    Args:
        table: a key of ``TABLES``.
        data: name of one of its data sets.
        seeds: number of seeds.
        images: images that a pre-training sees; 0 for ``IMAGES``, of which trials get half.

    Raises:
        ValueError: the table is not measured on this data set, has a length of its own, or needs
            records that do not exist.
    """
    if data not in DATA_OF[table]:
        raise ValueError(f'--data {data}: --table {table} is on {" and ".join(DATA_OF[table])}.')
    return TABLES[table](data, seeds, images)


def _main(data: str, seeds: int, images: int) -> list[Job]:
    return [
        Job(Run('main', data, row.name, seed), row, images or IMAGES)
        for seed in range(seeds)
        for row in ROWS.values()
    ]


def _work(data: str, seeds: int, images: int) -> list[Job]:
    """All other rows, with as many images as the reference's work allows them."""
    if images:
        raise ValueError(
            f"--images {images}: --table work does the work of the main table's "
            f'{REFERENCE}, which sets the number of images.'
        )
    per_image = {row.name: work_per_image(row, data) for row in ROWS.values() if row.config}
    work = per_image[REFERENCE]
    if not work:
        raise ValueError(
            f"--table work needs the record of --table main's {REFERENCE} on {data} in the tree: "
            f'run mcl pocket --data {data} --only {REFERENCE}, then mcl pocket --report.'
        )
    return [
        Job(Run('work', data, name, seed), ROWS[name], round(IMAGES * work / own), labels=('200',))
        for seed in range(seeds)
        for name, own in per_image.items()
        if own and name != REFERENCE
    ]


def budget_of(table: str) -> int | None:
    """Return the images of all runs of a table that the page shows; None if they differ by row."""
    return {'main': IMAGES, 'claims': IMAGES, 'choice': IMAGES // 2, 'dense': 0}.get(table)


def work_per_image(row: Row, data: str) -> float | None:
    """Return the GFLOP of a row's pre-training, with its teacher's, by the images of both.

    It is taken from a record of the main table; None without one.
    """
    for name, record in read_kept('main', data).items():
        if name.startswith(f'{row.name}/'):
            parts = [record, *([record['teacher']] if 'teacher' in record else [])]
            return sum(part['gflops'] for part in parts) / sum(part['images'] for part in parts)
    return None


def _claims(data: str, seeds: int, images: int) -> list[Job]:
    return [
        Job(
            Run('claims', data, claim.name, seed),
            ROWS[claim.row],
            images or IMAGES,
            claim.options,
            labels=('200',),
        )
        for seed in range(seeds)
        for claim in CLAIMS.values()
        if not claim.other
    ]


def _choice(data: str, seeds: int, images: int) -> list[Job]:
    """The trials: half of the images, one seed, the part for choosing, no fine-tuning."""
    return [
        Job(
            Run('choice', data, f'{row.name}_{rate:g}', CHOICE_SEED),
            row,
            (images or IMAGES) // 2,
            {'optim_wrapper.optimizer.lr': rate},
            labels=(),
            part='val',
        )
        for row in ROWS.values()
        if row.config
        for rate in RATES
    ]


def _dense(data: str, seeds: int, images: int) -> list[DenseJob]:
    if images:
        raise ValueError(f'--images {images}: --table dense has the lengths of its configs.')
    return [
        DenseJob(Run('dense', data, row.name, seed), row)
        for seed in range(seeds)
        for row in DENSE_ROWS.values()
    ]


TABLES: dict[str, Callable[[str, int, int], list[Job] | list[DenseJob]]] = {
    'main': _main,
    'work': _work,
    'claims': _claims,
    'choice': _choice,
    'dense': _dense,
}
DATA_OF = {table: (SCENES,) if table == 'dense' else tuple(DATA) for table in TABLES}
