"""Compare trainings with one another, and with reference curves of the pocket benchmark.

    mcl compare WORK_DIR [WORK_DIR ...] [--reference conmim-pocket] [--out compare.png]

Runs whose settings differ only in seed and folder are seeds of one entry. The command prints the
last value of each logged quantity, the settings in which the entries differ, and whether each entry
is inside the band of the reference or, without one, of the first entry; if not, from which step on.
A band is the mean over the seeds and twice the standard deviation on both sides. The picture shows
all curves with their bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.identity import flatten
from ..utils.literals import read_assignments
from .arguments import did_you_mean
from .entries import Entry
from .logs import read_run
from .parsers.general import compare as parse_args
from .pocket.curves import read_reference, references
from .visualize.curves import select_panels

WIDTH = 2.0  # standard deviations from the mean to the border of a band
# Settings in which the seeds of one entry differ.
_OF_RUN = ('randomness', 'work_dir', 'launcher', 'resume', 'load_from')


def main(argv: Sequence[str] | None = None) -> None:
    """Print the comparison that the command line asks for, and draw it."""
    args = parse_args(argv)
    entries = read_entries(args.work_dirs, args.reference)
    print('\n'.join(describe(entries)))
    if args.out:
        from .visualize.pictures import save  # noqa: PLC0415
        from .visualize.seed_bands import draw_bands  # noqa: PLC0415  matplotlib takes a second

        save(draw_bands(entries, WIDTH), args.out)


def read_entries(work_dirs: Sequence[Path], reference: str | None = None) -> list[Entry]:
    """Read runs and group them to entries; the reference comes first.

    Raises:
        FileNotFoundError: a folder has no log.
        ValueError: there is no such reference.
    """
    found: list[Entry] = []
    for folder in work_dirs:
        run, settings = read_run(folder, str(folder)), read_settings(folder)
        same = next((entry for entry in found if settings and entry.settings == settings), None)
        if same:
            same.runs.append(run)
        else:
            found.append(Entry(folder.name or str(folder), [run], settings))
    names = [entry.name for entry in found]
    for entry in found:
        if names.count(entry.name) > 1:
            entry.name = entry.runs[0].name
    if reference is None:
        return found
    if reference not in references():
        raise ValueError(
            f'There is no reference {reference!r}{did_you_mean(reference, references())} There are '
            f'{", ".join(references()) or "none: they are in the zoo/ of a checkout"}.'
        )
    return [Entry(reference, read_reference(reference), {}), *found]


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of the config that a run left in its folder; empty if it left none."""
    files = sorted(folder.glob('*.py'))
    if not files:
        return {}
    settings = flatten(read_assignments(files[0].read_text(encoding='utf-8')))
    return {key: value for key, value in settings.items() if not key.startswith(_OF_RUN)}


def describe(entries: list[Entry]) -> list[str]:
    """Return the lines of a comparison: last values, settings that differ, and the bands."""
    quantities = select_panels([run for entry in entries for run in entry.runs])
    wide = max(len(entry.name) for entry in entries) + 2
    lines = ['last values, mean and standard deviation over the runs']
    for name in quantities:
        cells = [f'{entry.name:{wide}}{last_value(entry, name)}' for entry in entries]
        lines += [f'  {name}', *(f'    {cell}' for cell in cells)]
    if differing := differences([entry for entry in entries if entry.settings]):
        lines += ['', 'settings that differ']
        for key, values in differing.items():
            lines += [f'  {key}', *(f'    {name:{wide}}{value}' for name, value in values.items())]
    first, *others = entries
    if others:
        lines += ['', f'against {first.name}']
    for entry in others:
        words = [f'    {name}: {judge(entry, first, name)}' for name in quantities]
        lines += [f'  {entry.name}', *words]
    return lines


def last_value(entry: Entry, quantity: str) -> str:
    """Return mean and standard deviation of the last values; '-' if it was not logged."""
    band = entry.band(quantity)
    if band is None:
        return '-'
    spread = f' +- {band[2][-1]:.3g}' if len(entry.runs) > 1 else ''
    return f'{band[1][-1]:.4g}{spread}'


def differences(entries: list[Entry]) -> dict[str, dict[str, Any]]:
    """Return the settings that are not the same in all entries, by name and entry."""
    keys = sorted({key for entry in entries for key in entry.settings})
    missing = object()
    return {
        key: {entry.name: entry.settings.get(key, 'not set') for entry in entries}
        for key in keys
        if len({repr(entry.settings.get(key, missing)) for entry in entries}) > 1
    }


def judge(entry: Entry, reference: Entry, quantity: str) -> str:
    """Say in words whether an entry's mean is inside the band of a reference.

    Returns:
        ``'inside the band'``, ``'above the band from step 120 on'``, ...
    """
    own, band = entry.band(quantity), reference.band(quantity)
    if own is None or band is None:
        return f'not logged by {(entry if own is None else reference).name}'
    if len(reference.runs) < 2:
        return f'{reference.name} has one run, hence no band'
    steps, mean, spread = band
    compared = steps[steps <= own[0][-1]]
    if not len(compared):
        return f'{entry.name} ends before the first step of {reference.name}'
    values = np.interp(compared, own[0], own[1])
    offset = values - mean[: len(compared)]
    outside = np.abs(offset) > WIDTH * spread[: len(compared)]
    if not outside[-1]:
        return 'inside the band' if not outside.any() else _returned(compared, outside)
    inside = np.flatnonzero(~outside)
    start = compared[inside[-1] + 1] if len(inside) else compared[0]
    return f'{"above" if offset[-1] > 0 else "below"} the band from step {start} on'


def _returned(steps: np.ndarray, outside: np.ndarray) -> str:
    last = steps[np.flatnonzero(outside)[-1]]
    return f'inside the band at the end; outside at {outside.sum()} steps, the last of them {last}'
