"""The course of a loss in the pocket benchmark, with which that of a training is compared."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...utils.places import home

Curve = tuple[list[int], list[float]]  # steps and values


@dataclass(frozen=True)
class Reference:
    """How the loss of a method falls in the pocket benchmark, as the mean over its seeds.

    Attributes:
        name: of the reference, as ``mcl compare --reference`` takes it.
        steps: of its training.
        progress: share of the training that is done, rising.
        remaining: loss at these points, relative to that of the first.

    Example:
        >>> half = Reference('a-pocket', 100, np.array([0.1, 1.0]), np.array([1.0, 0.5]))
        >>> round(half.fallen(0.55), 3)
        0.25
    """

    name: str
    steps: int
    progress: np.ndarray
    remaining: np.ndarray

    def fallen(self, progress: float) -> float:
        """Return the share of its first value that the loss has lost after a share of the steps."""
        return 1 - float(np.interp(progress, self.progress, self.remaining))


def curves_folder() -> Path:
    """Return the folder of the pocket benchmark's curves; an installed package may not have it."""
    return home() / 'zoo' / 'curves'


def read_seeds(file: Path) -> dict[str, dict[str, Curve]]:
    """Return the curves of a file by seed and by name; none if there is no such file."""
    seeds: dict[str, dict[str, Curve]] = {}
    if not file.is_file():
        return seeds
    with file.open(newline='', encoding='utf-8') as stream:
        for row in csv.DictReader(stream):
            steps, values = seeds.setdefault(row['seed'], {}).setdefault(row['name'], ([], []))
            steps.append(int(row['step']))
            values.append(float(row['value']))
    return seeds


def find_reference(method: str, encoder: str) -> Reference | None:
    """Return how the loss of a method falls in the pocket benchmark, on its digits.

    Args:
        method: class of the method.
        encoder: class of its encoder, which says which row of MimCo it is.

    Returns:
        None if the benchmark has no curve of it.
    """
    for file in sorted(curves_folder().glob('*_digits.csv')):
        row = file.stem.removesuffix('_digits')
        name, _, family = row.replace('_', '').partition('-')
        if name == method.lower() and family in encoder.lower():
            losses = [curves['loss'] for curves in read_seeds(file).values() if 'loss' in curves]
            return _mean(f'{row}-pocket', losses)
    return None


def _mean(name: str, losses: list[Curve]) -> Reference | None:
    values = defaultdict(list)
    for curve in losses:
        for step, value in zip(*curve, strict=True):
            values[step].append(value / curve[1][0])
    steps = sorted(values)
    if not steps:
        return None
    remaining = np.array([np.mean(values[step]) for step in steps])
    return Reference(name, steps[-1], np.array(steps) / steps[-1], remaining)
