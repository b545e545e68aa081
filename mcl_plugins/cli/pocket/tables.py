"""The tables of the pocket benchmark: which runs each consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .claims import CLAIMS
from .protocol import LABELS, RATES
from .records import Run
from .rows import ROWS, Row

TABLES = ('main', 'claims', 'choice')
IMAGES = 60_000  # that a pre-training sees
CHOICE_SEED = 100  # of the trials; the other tables have the seeds from 0


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


def plan(table: str, data: str, seeds: int, images: int = 0) -> list[Job]:
    """Return the jobs of a table on a data set, one seed of all rows after the other.

    Args:
        table: an entry of ``TABLES``.
        data: name of the data set.
        seeds: number of seeds.
        images: images that a pre-training sees; 0 for ``IMAGES``, of which trials get half.
    """
    images = images or IMAGES
    if table == 'choice':
        return [
            Job(
                Run(table, data, f'{row.name}_{rate:g}', CHOICE_SEED),
                row,
                images // 2,
                {'optim_wrapper.optimizer.lr': rate},
                labels=(),
                part='val',
            )
            for row in ROWS.values()
            if row.config
            for rate in RATES
        ]
    if table == 'claims':
        return [
            Job(
                Run(table, data, claim.name, seed),
                ROWS[claim.row],
                images,
                claim.options,
                labels=('200',),
            )
            for seed in range(seeds)
            for claim in CLAIMS.values()
        ]
    return [
        Job(Run(table, data, row.name, seed), row, images)
        for seed in range(seeds)
        for row in ROWS.values()
    ]
