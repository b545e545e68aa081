"""What the quickstart and the transfer demo share: trainings, their logs, their figures."""

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
    """How long the whole run has taken so far."""
    return round(time.monotonic() - START)


def clock(duration: int) -> str:
    """``minutes:seconds`` of seconds."""
    return f'{duration // 60}:{duration % 60:02d}'


def say(step: int, steps: int, text: str) -> None:
    """Announce a step with the time that has passed."""
    print(f'\n\033[1m[{step}/{steps}] {text}  ({clock(seconds())})\033[0m', flush=True)


def call(*words: object, label: str = '') -> None:
    """Run a command of this package in a process of its own; its progress goes to the console.

    Args:
        words: of the command line, after ``mcl``.
        label: what each line begins with, for a command that is one of two side by side; it takes
            half of the cores.

    Raises:
        subprocess.CalledProcessError: it failed.
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
    """A queue of jobs, ``count`` at a time; what has not begun is dropped when the block ends."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def wait_for(jobs: Sequence[Future], what: str) -> None:
    """Wait for all jobs, and say how many are done; raises what the first failed with."""
    for done, job in enumerate(as_completed(jobs), start=1):
        job.result()
        print(f'\033[1m{done} of {len(jobs)} {what} done  ({clock(seconds())})\033[0m', flush=True)


def train(config: Path, work_dir: Path, label: str = '', **options: object) -> None:
    """Run ``mcl train``, over an earlier run's results; ``a__b=1`` sets ``a.b`` of the config."""
    settings = [f'{key.replace("__", ".")}={value}' for key, value in options.items()]
    words = ['train', config, '--overwrite', '--work-dir', work_dir, '--cfg-options', *settings]
    call(*words, label=label)


def logged(work_dir: Path) -> list[dict]:
    """The rows that the newest run in ``work_dir`` logged, in order."""
    return read_rows(log_files(work_dir)[-1])


def checkpoint_of(work_dir: Path) -> Path:
    """The last checkpoint that a run in ``work_dir`` wrote."""
    return Path((work_dir / 'last_checkpoint').read_text())


def pretrain(config: Path, work_dir: Path, label: str = '') -> Path:
    """Pre-train, after the frozen teacher if the method has one; returns the checkpoint.

    Args:
        config: its teacher's would be ``<config>_teacher.py``.
        work_dir: gets ``pretrain`` and, for the teacher, ``teacher``.
        label: see :func:`call`.
    """
    teacher = config.with_name(f'{config.stem}_teacher.py')
    start: dict[str, object] = {}
    if teacher.is_file():
        train(teacher, work_dir / 'teacher', label, randomness__seed=0)
        start['model__teacher__backbone__init_cfg__checkpoint'] = checkpoint_of(
            work_dir / 'teacher'
        )
    train(config, work_dir / 'pretrain', label, randomness__seed=0, **start)
    return checkpoint_of(work_dir / 'pretrain')


def summary(values: list[float]) -> dict:
    """Mean, spread (sample standard deviation, None for one seed) and the single values."""
    spread = round(stdev(values), 2) if len(values) > 1 else None
    return {'mean': round(mean(values), 2), 'spread': spread, 'seeds': values}


def cell(value: dict | None) -> str:
    """A :func:`summary` in a table: the mean and, with several seeds, the spread."""
    if value is None:
        return '-'
    spread = f' +- {value["spread"]:.1f}' if value['spread'] is not None else ''
    return f'{value["mean"]:.1f}{spread}'
