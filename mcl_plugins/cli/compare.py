"""Compare trainings with one another, and with reference curves of the pocket benchmark.

    mcl compare WORK_DIR [WORK_DIR ...] [--reference conmim-pocket] [--out compare.png]

Runs whose settings differ only in seed and folder are seeds of one entry. The command prints the
last value of each quantity that ``mcl curves`` draws, the settings in which the entries differ, and
whether each entry is inside the band of the reference or, without one, of the first entry; if not,
from which step on. A band is the mean over the seeds and twice the standard deviation on both
sides, at the steps that all seeds have. The picture shows all curves with their bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.identity import differing
from .entries import Entry, read_entries
from .parsers.general import compare as parse_args
from .visualize.curves import QUANTITIES, select_panels

WIDTH = 2.0  # standard deviations from the mean to the border of a band


def main(argv: Sequence[str] | None = None) -> None:
    """Print the comparison that the command line asks for, and draw it."""
    args = parse_args(argv)
    entries = read_entries(args.work_dirs, args.reference)
    print('\n'.join(describe(entries)))
    if args.out:
        from .visualize.pictures import save  # noqa: PLC0415
        from .visualize.seed_bands import draw_bands  # noqa: PLC0415  matplotlib takes a second

        save(draw_bands(entries, WIDTH), args.out)


def describe(entries: list[Entry]) -> list[str]:
    """Return the lines of a comparison: last values, settings that differ, and the bands.

    Raises:
        ValueError: the runs logged nothing that is compared.
    """
    quantities = select_panels([run for entry in entries for run in entry.runs])
    if not quantities:
        raise ValueError(f'The runs logged none of {", ".join(QUANTITIES)}.')
    wide = max(len(entry.name) for entry in entries) + 2
    lines = ['last values, mean and standard deviation over the runs']
    for name in quantities:
        cells = [f'{entry.name:{wide}}{last_value(entry, name)}' for entry in entries]
        lines += [f'  {name}', *(f'    {cell}' for cell in cells)]
    if remarks := [f'  {entry.name}: {text}' for entry in entries for text in entry.remarks()]:
        lines += ['', 'to be noted', *remarks]
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
    """Return mean and standard deviation at the last step that all runs have, and this step.

    Returns:
        ``'-'`` if no run logged it, or the runs have no steps in common.
    """
    band = entry.band(quantity)
    if band is None or not len(band[0]):
        return '-'
    spread = f' +- {band[2][-1]:.3g}' if len(entry.runs) > 1 else ''
    return f'{band[1][-1]:.4g}{spread} at {band[0][-1]}'


def differences(entries: list[Entry]) -> dict[str, dict[str, Any]]:
    """Return the settings that are not the same in all entries, by name and entry."""
    return {
        key: {entry.name: entry.settings.get(key, 'not set') for entry in entries}
        for key in differing(*(entry.settings for entry in entries))
    }


def judge(entry: Entry, reference: Entry, quantity: str) -> str:
    """Say in words whether an entry's mean is inside the band of a reference.

    Only steps that both have are compared.

    Returns:
        ``'inside the band'``, ``'above the band from step 120 on'``, ``'not finite from step 130
        on'``, ...; with ``', up to step 900'`` if the entry goes on where the reference has ended.
    """
    own, band = entry.band(quantity), reference.band(quantity)
    if own is None or band is None:
        return f'not logged by {(entry if own is None else reference).name}'
    if len(reference.runs) < 2:
        return f'{reference.name} has one run, hence no band'
    for one, (shared, *_) in ((entry, own), (reference, band)):
        if not len(shared):
            return f'the runs of {one.name} have no steps in common'
    steps, mean, spread = band
    if not np.isfinite(mean).all():
        return f'{reference.name} has values that are not finite, hence no band'
    common = (steps >= own[0][0]) & (steps <= own[0][-1])
    if not common.any():
        return f'{entry.name} and {reference.name} have no steps in common'
    steps, mean, spread = steps[common], mean[common], spread[common]
    offset = np.interp(steps, own[0], own[1]) - mean
    words = _place(steps, offset, WIDTH * spread)
    return f'{words}, up to step {steps[-1]}' if own[0][-1] > band[0][-1] else words


def _place(steps: np.ndarray, offset: np.ndarray, width: np.ndarray) -> str:
    """Say where values lie: their offset from the middle of a band, and half of its width."""
    finite = np.isfinite(offset)
    outside = ~finite | (np.abs(offset) > width)
    if not outside.any():
        return 'inside the band'
    if not outside[-1]:
        return _returned(steps, outside)
    if not finite[-1]:
        return f'not finite from step {_since(steps, ~finite)} on'
    side = 'above' if offset[-1] > 0 else 'below'
    return f'{side} the band from step {_since(steps, outside)} on'


def _since(steps: np.ndarray, state: np.ndarray) -> int:
    """Return the step from which on a state has lasted to the end."""
    other = np.flatnonzero(~state)
    return int(steps[other[-1] + 1] if len(other) else steps[0])


def _returned(steps: np.ndarray, outside: np.ndarray) -> str:
    last = steps[np.flatnonzero(outside)[-1]]
    return f'inside the band at the end; outside at {outside.sum()} steps, the last of them {last}'
