"""Runs with the same settings but for the seed, which are compared as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .logs import Run


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
