"""Reproduce a row of a table: all its trainings and evaluations, in one folder.

    mcl reproduce --list [METHOD]
    mcl reproduce conmim "table 1: ViT-B/16, 300 epochs, 224" [--processes 8]
    mcl reproduce conmim "table 1: ViT-B/16, 300 epochs, 224" --tiny

METHOD is a folder of configs, and the row is named by its table and the cells that describe it, as
--list prints them; a part that no other row has is enough. Before the first training the command
checks that all data are there and predicts the hours; with a GPU it begins every training for a few
steps (mcl preflight), which measures them and finds faults of the later ones. Pre-training,
intermediate trainings, fine-tuning and tests then run one after the other in
work_dirs/reproduce/METHOD/ROW. If it is stopped, the same command goes on where it was. A stage
that the chain of another row has run, such as the same pre-training, is not run again. On several
machines, run it on each with NNODES, NODE_RANK and MASTER_ADDR set, with the folder on a shared
file system; under Slurm use --slurm PARTITION --processes TASKS.

--tiny runs the same chain of the same configs, shrunken, on made data: seconds to minutes on a CPU,
and numbers that mean nothing. The folder's record.json has the configs' hashes, the commit, the
versions, the devices, hours, seeds, curves, metrics and the checkpoints' digests; `mcl zoo update
RECORD` writes its result into the page.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from ...engine.run_lock import hold
from ...utils.places import find_config, workspace
from ..common import read_config
from ..parsers.reproduce import run as parse_args
from .chain import Chain
from .data_check import check_data
from .forecast import describe
from .plan import plan
from .rows import Row, find_row, is_transfer, methods_with_rows, read_rows
from .stages import Launch


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line says."""
    args = parse_args(argv)
    if args.list:
        print_rows([args.method] if args.method else methods_with_rows())
        return
    if args.all:
        reproduce_all([args.method] if args.method else methods_with_rows(), args.work_dir)
        return
    record = reproduce(
        args.method,
        args.row,
        work_dir=args.work_dir,
        tiny=args.tiny,
        launch=Launch(args.processes, args.slurm),
        start=args.start,
        sweep=args.sweep,
        options=args.cfg_options,
        preflight=args.preflight,
    )
    print(f'record: {record}')


def print_rows(methods: Sequence[str]) -> None:
    """Print the rows of the methods' tables, each with what it needs beside this package."""
    for method in methods:
        for row in read_rows(method):
            print(f'{method} "{row.name}"{_note(row)}')


def _note(row: Row) -> str:
    """Say that a row is quoted, or that it starts from another code's checkpoint."""
    if not row.configs:
        return '   (quoted from the paper, not in this package)'
    if not is_transfer(row.configs[0]):
        return ''
    first = plan(row, lambda config: read_config(find_config(config)))[0]
    return f'   (starts from {first.file or "--start FILE"})' if first.is_foreign else ''


def reproduce_all(methods: Sequence[str], work_dir: Path | None = None) -> None:
    """Run every chain of the methods' tables shrunken, each combination of configs once.

    Raises:
        SystemExit: some chains have failed; the others have run all the same.
    """
    chains: dict[tuple, tuple[str, str]] = {}  # first row and outcome, by what a chain consists of
    quoted = passed = 0
    begin = time.monotonic()
    for method in methods:
        for row in read_rows(method):
            name = f'{method} "{row.name}"'
            if not row.configs:
                quoted += 1
                continue
            key = (row.configs, 'retrieval' in row.section, '--tta' in str(row.cells))
            if key in chains:
                first, outcome = chains[key]
                note = f'the chain of {first}'
            else:
                start = time.monotonic()
                outcome = _outcome(method, row.name, work_dir)
                chains[key] = name, outcome
                note = f'{time.monotonic() - start:.0f} s'
            passed += outcome == 'passed'
            print(f'{name}: {outcome}, {note}', flush=True)
    failed = sum(outcome != 'passed' for _, outcome in chains.values())
    print(
        f'{passed} rows have passed, with {len(chains) - failed} of {len(chains)} chains, in '
        f'{(time.monotonic() - begin) / 60:.0f} minutes; {quoted} rows are quoted.'
    )
    if failed:
        raise SystemExit(1)


def _outcome(method: str, name: str, work_dir: Path | None) -> str:
    """Run a chain shrunken; say whether it has passed, and print why it has not."""
    try:
        reproduce(method, name, work_dir=work_dir, tiny=True)
    except Exception as error:
        traceback.print_exc()
        return f'failed with {type(error).__name__}'
    return 'passed'


def reproduce(
    method: str,
    name: str,
    work_dir: Path | None = None,
    tiny: bool = False,
    launch: Launch | None = None,
    start: Path | str | None = None,
    sweep: tuple[str, list[str]] | None = None,
    options: dict[str, Any] | None = None,
    preflight: bool | None = None,
) -> Path:
    """Run the chain of a row, or what of it has not run yet.

    Args:
        method: name of the folder of configs.
        name: name of the row; see :func:`~mcl_plugins.cli.reproduce.rows.find_row`.
        work_dir: folder for the folders of the rows; by default ``work_dirs/reproduce``, or
            ``work_dirs/reproduce_tiny``.
        tiny: run the shrunken chain on made data.
        launch: processes of the trainings; by default everything runs in this process.
        start: checkpoint in place of the first training, such as that of MimCo's teacher; or, of a
            chain that starts from another code's training, in place of the one that the config
            names.
        sweep: option and its values for the last training; the best by validation counts.
        options: options of all configs, by dotted name.
        preflight: begin all trainings before the first one runs, to find faults and to measure
            steps; by default with a GPU or Slurm, and not for a shrunken chain.

    Returns:
        The file of the record.

    Raises:
        FileNotFoundError: the method or data do not exist.
        ValueError: the row does not exist or cannot be run, or the folder is that of other configs.
        SystemExit: a training was stopped, or the preflight of one has found a fault.
    """
    row = find_row(method, name)
    base = Path(work_dir or workspace() / 'work_dirs' / f'reproduce{"_tiny" * tiny}')
    launch = launch or Launch()
    chain = Chain(row, base / method / row.slug, tiny, launch, start, options or {})
    if preflight is None:
        preflight = not tiny and (torch.cuda.is_available() or bool(launch.slurm))
    if not tiny:
        trained = {name: c for name, c in chain.configs.items() if name not in chain.given}
        check_data(trained, {**chain.starts, **{name: str(f) for name, f in chain.given.items()}})
    first = os.environ.get('NODE_RANK', '0') == '0'
    with hold(chain.folder) if first else nullcontext():
        if preflight or not tiny:
            print(describe(chain.forecast(preflight)), flush=True)
        for stage in chain.stages:
            chain.run(stage, sweep if stage == chain.last_training else None)
        return chain.write_record()
