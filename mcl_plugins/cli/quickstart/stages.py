"""Parts that the quickstart and the transfer demo share: trainings, logs and summaries."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, stdev

from ...utils.places import workspace
from ..logs import log_files, read_rows

MCL = (sys.executable, '-m', 'mcl_plugins')
START = time.monotonic()


def seconds() -> int:
    """Return the seconds since the start of the process."""
    return round(time.monotonic() - START)


def clock(duration: int) -> str:
    """Format seconds as ``minutes:seconds``."""
    return f'{duration // 60}:{duration % 60:02d}'


def say(step: int, steps: int, text: str) -> None:
    """Print the title of a step and the time since the start."""
    print(f'\n\033[1m[{step}/{steps}] {text}  ({clock(seconds())})\033[0m', flush=True)


def call(*words: object, label: str = '') -> None:
    """Run a command of this package in its own process and show its output.

    Args:
        words: arguments after ``mcl``.
        label: prefix of each line, for one of two commands that run at the same time; the command
            then uses half of the cores.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    command = [*MCL, *map(str, words)]
    if not label:
        subprocess.run(command, check=True, cwd=workspace())
        return
    env = {'OMP_NUM_THREADS': str(max(1, (os.cpu_count() or 1) // 2)), **os.environ}
    with subprocess.Popen(
        command,
        cwd=workspace(),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(f'{label} | {line}', end='', flush=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


@contextmanager
def side_by_side(count: int) -> Iterator[ThreadPoolExecutor]:
    """Run ``count`` jobs at a time; jobs that have not begun when the block ends are cancelled."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def wait_for(jobs: Sequence[Future], what: str) -> None:
    """Wait for all jobs and print how many are done; raise the error of the first failed job."""
    for done, job in enumerate(as_completed(jobs), start=1):
        job.result()
        print(f'\033[1m{done} of {len(jobs)} {what} done  ({clock(seconds())})\033[0m', flush=True)


def train(
    config: Path,
    work_dir: Path,
    label: str = '',
    probe_data: Path | None = None,
    **options: object,
) -> None:
    """Run ``mcl train`` over an earlier run; the option ``a__b=1`` sets ``a.b`` of the config."""
    pairs = [f'{key.replace("__", ".")}={value}' for key, value in options.items()]
    words = ['train', config, '--overwrite', '--work-dir', work_dir]
    if probe_data:
        words += ['--probe-data', probe_data]
    call(*words, '--cfg-options', *pairs, label=label)


def logged(work_dir: Path) -> list[dict]:
    """Return the rows that the newest run in ``work_dir`` logged, in order."""
    return read_rows(log_files(work_dir)[-1])


def find_last_checkpoint(work_dir: Path) -> Path:
    """Return the last checkpoint that a run in ``work_dir`` wrote."""
    return work_dir / (work_dir / 'last_checkpoint').read_text()


def pretrain(
    config: Path,
    work_dir: Path,
    label: str = '',
    seed: int = 0,
    probe_data: Path | None = None,
) -> Path:
    """Pre-train the frozen teacher if the method has one, then the method; return the checkpoint.

    Args:
        config: pre-training config; that of a teacher is ``<config>_teacher.py``.
        work_dir: folder for the folders ``pretrain`` and, for the teacher, ``teacher``.
        label: see :func:`call`.
        seed: random seed of both trainings.
        probe_data: labelled images that ``mcl train --probe-data`` classifies; None for no probe.
    """
    teacher = config.with_name(f'{config.stem}_teacher.py')
    start: dict[str, object] = {}
    if teacher.is_file():
        train(teacher, work_dir / 'teacher', label, randomness__seed=seed)
        start['model__teacher__backbone__init_cfg__checkpoint'] = find_last_checkpoint(
            work_dir / 'teacher'
        )
    train(config, work_dir / 'pretrain', label, probe_data, randomness__seed=seed, **start)
    return find_last_checkpoint(work_dir / 'pretrain')


def summary(values: list[float]) -> dict:
    """Return mean, spread (sample standard deviation, None for one seed) and single values."""
    spread = round(stdev(values), 2) if len(values) > 1 else None
    return {'mean': round(mean(values), 2), 'spread': spread, 'seeds': values}


def cell(value: dict | None) -> str:
    """Format a :func:`summary` for a table: the mean and, for several seeds, the spread."""
    if value is None:
        return '-'
    spread = f' +- {value["spread"]:.1f}' if value['spread'] is not None else ''
    return f'{value["mean"]:.1f}{spread}'
