"""Runs with the same settings but for the seed, which are compared as one."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    name: str
    runs: list[Run]
    settings: dict[str, Any]

    def band(self, quantity: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Return steps (S,), mean (S,) and standard deviation (S,) over the runs that logged it.

        The curves are interpolated to the steps of the first one that all of them have reached.
        """
        curves = [run.curves[quantity] for run in self.runs if quantity in run.curves]
        if not curves:
            return None
        end = min(steps[-1] for steps, _ in curves)
        steps = np.array([step for step in curves[0][0] if step <= end])
        values = np.array([np.interp(steps, *curve) for curve in curves])
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(steps))
        return steps, values.mean(axis=0), spread
