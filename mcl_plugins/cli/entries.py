"""Runs with the same settings but for the seed, which are read and compared as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.identity import differing, read_settings
from .arguments import did_you_mean
from .logs import Run, read_run
from .pocket.curves import read_reference, references


@dataclass
class Entry:
    """Runs with the same settings.

    Attributes:
        name: of its first folder, or of the reference.
        runs: one for each seed.
        settings: of its configs by dotted name; empty for a reference.
        seeds: of the runs; None for one whose config names none.
    """

    name: str
    runs: list[Run]
    settings: dict[str, Any]
    seeds: list[int | None] = field(default_factory=list)

    def band(self, quantity: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return steps (S,), mean (S,) and standard deviation (S,) over the runs that logged it.

        The curves are interpolated to those steps of the first one that lie within all of them; S
        is 0 if there are none.
        """
        curves = [run.curves[quantity] for run in self.runs if quantity in run.curves]
        if not curves:
            return None
        begin, end = max(steps[0] for steps, _ in curves), min(steps[-1] for steps, _ in curves)
        steps = np.array([step for step in curves[0][0] if begin <= step <= end], dtype=int)
        values = np.array([np.interp(steps, *curve) for curve in curves])
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(steps))
        return steps, values.mean(axis=0), spread

    def remarks(self) -> list[str]:
        """Say what makes the band tell less than it seems to: short runs, and equal seeds."""
        ends = {run.name: last_step(run) for run in self.runs}
        longest = max(ends.values())
        found = [
            f'{name} ends at step {end}, others at {longest}: mean and band end with it'
            for name, end in ends.items()
            if end < longest
        ]
        known = [seed for seed in self.seeds if seed is not None]
        twice = sorted({seed for seed in known if known.count(seed) > 1})
        return found + [
            f'{known.count(seed)} runs have the seed {seed}: their spread is not that of seeds'
            for seed in twice
        ]


def last_step(run: Run) -> int:
    """Return the last step at which a run logged its loss, else anything; 0 if nothing."""
    if 'loss' in run.curves:
        return run.curves['loss'][0][-1]
    return max((steps[-1] for steps, _ in run.curves.values()), default=0)


def read_entries(work_dirs: Sequence[Path], reference: str | None = None) -> list[Entry]:
    """Read runs and group them to entries; the reference comes first, and no folder counts twice.

    Raises:
        FileNotFoundError: a folder has no log.
        ValueError: there is no such reference.
    """
    found: list[Entry] = []
    places: dict[Path, Path] = {}
    for folder in work_dirs:
        places.setdefault(folder.resolve(), folder)
    for place, folder in places.items():
        run, (settings, seed) = read_run(folder, str(folder)), _settings_of(folder)
        same = (entry for entry in found if settings and not differing(entry.settings, settings))
        entry = next(same, None)
        if entry is None:
            entry = Entry(place.name, [], settings)
            found.append(entry)
        entry.runs.append(run)
        entry.seeds.append(seed)
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


def _settings_of(folder: Path) -> tuple[dict[str, Any], int | None]:
    """Return settings and seed of the config that a run left in its folder; empty if it left none.

    Seeds of one entry differ in the section ``randomness``, which is left out.
    """
    files = sorted(folder.glob('*.py'))
    if not files:
        return {}, None
    settings = read_settings(files[0].read_text(encoding='utf-8'))
    kept = {key: value for key, value in settings.items() if key.partition('.')[0] != 'randomness'}
    return kept, settings.get('randomness.seed')
