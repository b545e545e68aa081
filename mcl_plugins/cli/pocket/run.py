"""Run the pocket benchmark: all methods and baselines, small, on two data sets.

    mcl pocket [--table main] [--data digits ...] [--only ROW ...] [--seeds 3] [--images N]

Each run pre-trains one row with one seed on one data set and evaluates the encoder;
docs/pocket-benchmark.md states the protocol. What is done has a record and is not run again, so the
command can be stopped and started at any time, and several processes may share the work: a run that
another process is at is left to it. --table work runs the rows with as many images as equal work
allows, claims the papers' ablations, choice the trials by which the learning rates were chosen, and
dense segmentation and detection on scenes. --report collects the records into ``zoo/`` and writes
the page's tables and pictures.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

from ...engine.run_lock import InUseError, hold
from ..arguments import did_you_mean
from ..parsers.pocket import run as parse_args
from .dense import SCENES, make_scenes
from .records import Run, folder_of, is_done, write
from .rows import DATA
from .tables import DATA_OF, DenseJob, Job, plan


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    args = vars(parse_args(argv))
    if args.pop('report'):
        from .report import write_report  # noqa: PLC0415  it needs matplotlib

        for path in write_report(args['work_dir']):
            print(f'written: {path}')
        return
    run_pocket(**args)


def run_pocket(
    table: str = 'main',
    data: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
    seeds: int = 3,
    images: int = 0,
    work_dir: Path | None = None,
) -> list[Run]:
    """Run what of a table has no record yet, one seed of all rows after the other.

    Args:
        table: a key of :data:`~.tables.TABLES`.
        data: names of data sets; by default all of the table.
        only: names of rows; by default all of the table.
        seeds: number of seeds, from 0.
        images: images that a pre-training sees; 0 for the table's own number.
        work_dir: folder for the folders of the runs; by default ``work_dirs/pocket``.

    Returns:
        The runs that this process has done.

    Raises:
        ValueError: the table has no such row or data set.
        RuntimeError: runs failed. The others are done first.
    """
    names = data or DATA_OF[table]
    jobs = {name: select(plan(table, name, seeds, images), only) for name in names}
    done, failed = [], []
    for name, chosen in jobs.items():
        make_images(name)
        for job in chosen:
            try:
                if run_job(job, work_dir):
                    done.append(job.run)
            except Exception:
                traceback.print_exc()
                failed.append('/'.join(map(str, job.run)))
    if failed:
        raise RuntimeError(f'{len(failed)} runs failed, as said above: {", ".join(failed)}.')
    return done


def make_images(data: str) -> None:
    """Write the images of a data set unless they exist."""
    if data == SCENES:
        make_scenes()
    else:
        DATA[data].make(DATA[data].folder)


def select(jobs: list[Job] | list[DenseJob], only: Sequence[str] | None) -> list[Job | DenseJob]:
    """Return the jobs of some rows.

    Raises:
        ValueError: there is no such row.
    """
    names = [job.run.row for job in jobs]
    for row in only or ():
        if row not in names:
            raise ValueError(f'--only {row}: the table has no such row{did_you_mean(row, names)}')
    return [job for job in jobs if not only or job.run.row in only]


def run_job(job: Job | DenseJob, work_dir: Path | None = None) -> bool:
    """Run a job unless it is done or another process is at it; return whether it was run."""
    if is_done(job.run, job.images, job.options, work_dir):
        return False
    folder = folder_of(job.run, work_dir)
    words = '/'.join(map(str, job.run))
    try:
        with hold(folder):
            if is_done(job.run, job.images, job.options, work_dir):
                return False
            record = job.measure(folder)
            write(job.run, {'budget': job.images, **record}, work_dir)
    except InUseError:
        print(f'{words}: another process is at it', flush=True)
        return False
    figures = ', '.join(f'{name} {value:.1f}' for name, value in record['metrics'].items())
    print(f'{words}: {figures}  ({sum(record["seconds"].values()):.0f} s)', flush=True)
    return True
