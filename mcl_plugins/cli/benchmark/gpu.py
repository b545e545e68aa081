"""Check and measure all methods on a GPU in minutes, and make the page's table of it.

    bash tools/benchmark/gpu.sh                      # nine minutes at the most
    bash tools/benchmark/gpu.sh --tiny               # all of it at a tiny size, also on a CPU
    mcl bench gpu --page docs/performance.md         # from the record that the run has written

It checks that each method computes on the device what its released code does, that its losses are
the same in bfloat16, that no step waits for the device and that attention takes a fused kernel. It
then measures time, memory and augmentation of each method at its full size, eagerly, with
activation checkpointing and compiled, and mmpretrain's MAE, SimMIM and MoCo v3.

What is measured is written to the record at once. A run that has no time left, or was stopped, is
continued by the same command; measurements that failed are made anew. One that takes too long, or
for which the memory does not suffice, is noted as such, and the others go on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..parsers.benchmark import gpu as parse_args
from .on_gpu.page import write_page
from .on_gpu.plan import BATCH, TINY_BATCH, Measurement, plan
from .on_gpu.record import Record, conditions, failed_checks, read_record
from .on_gpu.worker import Worker

LEAST = 5.0  # seconds that must be left for a measurement


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, or write the page; exit with status 1 if a check has failed."""
    args = parse_args(argv)
    if args.page:
        write_page(args.page, read_record(args.json))
        print(f'{args.page} has the table of {args.json}.')
        return
    content = measure_all(
        args.json, args.tests, args.minutes, args.batch_size, args.tiny, args.only or ['']
    )
    failed = failed_checks(content['results'])
    if failed:
        print(f'failed: {", ".join(failed)}')
    sys.exit(1 if failed else 0)


def measure_all(
    json: Path,
    tests: Path,
    minutes: float = 9.0,
    batch_size: int | None = None,
    tiny: bool = False,
    only: Sequence[str] = ('',),
) -> dict[str, Any]:
    """Make the measurements that the record does not have yet.

    Args:
        json: file of the record, which is continued if it exists.
        tests: folder of the package's tests.
        minutes: that all of it may take.
        batch_size: images of a timed step; by default 128, and 4 at the tiny size.
        tiny: small models.
        only: parts of names; a measurement whose name has none of them is left out.

    Returns:
        The record.

    Raises:
        FileNotFoundError: there are no golden files in ``tests``.
        ValueError: there is no GPU and ``tiny`` is False; no name has a part of ``only``; or the
            record is of other conditions.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if device == 'cpu' and not tiny:
        raise ValueError('There is no GPU here; --tiny tries all measurements on a CPU.')
    if not list(tests.glob('golden/*.npz')):
        raise FileNotFoundError(
            f'{tests}/golden has no golden files; name the tests of a checkout with --tests.'
        )
    batch = batch_size or (TINY_BATCH if tiny else BATCH)
    chosen = [m for m in plan(tests, batch, tiny) if any(part in m.name for part in only)]
    if not chosen:
        raise ValueError(f'--only {" ".join(only)}: no measurement has one of these in its name.')
    record = Record(json, conditions(device, batch, tiny))
    wanted = [measurement for measurement in chosen if not record.is_done(measurement.name)]
    end = time.monotonic() + 60 * minutes
    worker = Worker(device)
    try:
        for number, measurement in enumerate(wanted, start=1):
            left = end - time.monotonic()
            if left < LEAST:
                missing = len(wanted) - number + 1
                print(f'No time left: {missing} are missing. The same command goes on.')
                break
            result = worker.run(measurement, min(left, measurement.seconds))
            record.add(measurement.name, result)
            left = max(0.0, end - time.monotonic())
            where = f'[{number}/{len(wanted)}, {left / 60:.1f} min left]'
            print(f'{where} {measurement.name}: {describe(measurement, result)}', flush=True)
    finally:
        worker.close()
    print(f'{json} has {len(record.content["results"])} measurements.')
    return record.content


def describe(measurement: Measurement, result: dict[str, Any]) -> str:
    """Return a result in a few words."""
    if 'error' in result:
        return f'error: {result["error"]}'
    if measurement.kind == 'speed':
        memory = f', {result["gib"]:.1f} GiB' if result['gib'] else ''
        return f'{1000 * result["images"] / result["ms"]:,.0f} images/s{memory}'
    return 'passed' if result['passed'] else f'FAILED: {result}'
