"""Draw compared trainings: for each entry the curves of its seeds, their mean and their band."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..entries import Entry
from .curves import draw_floor, draw_sheet


def draw_bands(entries: Sequence[Entry], width: float) -> Figure:
    """Draw one panel per quantity: single runs thin, their mean thick, the band shaded.

    Args:
        entries: from :func:`~mcl_plugins.cli.entries.read_entries`.
        width: half of the band in standard deviations.

    Raises:
        ValueError: nothing was logged that is drawn.
    """

    def draw_one(axes: Axes, name: str) -> None:
        for number, entry in enumerate(entries):
            draw_entry(axes, name, entry, width, f'C{number % 10}')

    runs = [run for entry in entries for run in entry.runs]
    return draw_sheet(runs, 'Training curves, with mean and band over the seeds', draw_one)


def draw_entry(axes: Axes, name: str, entry: Entry, width: float, colour: str) -> None:
    """Draw a quantity of one entry, if it was logged."""
    band = entry.band(name)
    if band is None:
        return
    steps, mean, spread = band
    marker = 'o' if len(steps) < 3 else None
    axes.plot(steps, mean, color=colour, linewidth=1.8, marker=marker, label=entry.name)
    if len(entry.runs) > 1:
        for run in entry.runs:
            if name in run.curves:
                axes.plot(*run.curves[name], color=colour, linewidth=0.6, alpha=0.6)
        low, high = mean - width * spread, mean + width * spread
        axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0)
    draw_floor(axes, name, entry.runs[0], colour)
