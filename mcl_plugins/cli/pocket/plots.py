"""The pictures of ``docs/pocket-benchmark.md``, made from the records and curves in the tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..logs import Run
from .curves import curves_file, read_curves
from .effects import values
from .page import METRICS, page
from .records import read_kept
from .rows import DATA, ROWS

PROBE = 'knn_20'  # name of the probe's curve
KAPPA = 'kappa_representation'  # what Masked MoCo's Figure 6 draws
COLOURS = {'knn': '#9aa5b1', 'linear': '#2b6cb0', 'finetune_200': '#d9822b'}


def draw_all() -> list[Path]:
    """Draw the pictures of all data sets that have records; return their files."""
    folder = page().parent / 'pocket-benchmark'
    folder.mkdir(exist_ok=True)
    found = []
    for data in DATA.values():
        if read_kept('main', data.name):
            for kind, draw in PICTURES.items():
                figure = draw(data.name)
                if figure is not None:
                    found.append(folder / f'{data.name}-{kind}.png')
                    figure.savefig(found[-1], dpi=80)
    return found


def draw_bars(data: str) -> Figure:
    """Draw three metrics of all rows, with the standard deviation over the seeds."""
    records = read_kept('main', data)
    rows = [row for row in ROWS.values() if values(records, row.name, 'knn')]
    figure = Figure(figsize=(10, 1.3 + 0.42 * len(rows)), layout='constrained')
    axes = figure.subplots()
    height = 0.8 / len(COLOURS)
    for place, (metric, colour) in enumerate(COLOURS.items()):
        for line, row in enumerate(rows):
            found = list(values(records, row.name, metric).values())
            error = stdev(found) if len(found) > 1 else 0
            axes.barh(
                line + (place - 1) * height,
                mean(found),
                height,
                xerr=error or None,
                color=colour,
                capsize=2,
                label=METRICS[metric] if line == 0 else None,
            )
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.invert_yaxis()
    measure = 'mean recall' if DATA[data].unequal else 'accuracy'
    axes.set(title=f'{DATA[data].title.capitalize()}: {measure} on the test part, %')
    axes.grid(axis='x', alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(frameon=False, loc='outside lower center', ncols=3)
    axes.spines[['top', 'right']].set_visible(False)
    return figure


def draw_curves(data: str) -> Figure | None:
    """Draw the k-NN accuracy during pre-training: a panel for each row, a line for each seed."""
    title = f'{DATA[data].title.capitalize()}: k-NN on the validation part, 200 labels, %'

    def draw_one(axes: Axes, run: Run) -> None:
        axes.plot(*run.curves[PROBE], marker='.', linewidth=1.4)

    return _draw_rows(data, title, PROBE, draw_one, sharey=True)


def draw_losses(data: str) -> Figure | None:
    """Draw the losses of pre-training: a panel for each row, a line for each seed and loss."""
    title = f'{DATA[data].title.capitalize()}: losses, each with its colour for all seeds'

    def draw_one(axes: Axes, run: Run) -> None:
        _draw_named(axes, run, _names(run, 'loss_') or ['loss'])
        axes.set_ylim(0, 1.05 * axes.dataLim.y1)

    return _draw_rows(data, title, 'loss', draw_one, sharey=False)


def draw_kappa(data: str) -> Figure | None:
    """Draw how similar the chunks of an image become: a panel for each row that has chunks."""
    title = f'{DATA[data].title.capitalize()}: concentration (kappa) of the chunks of an image'

    def draw_one(axes: Axes, run: Run) -> None:
        _draw_named(axes, run, _names(run, 'kappa_'))
        axes.set_yscale('log')

    return _draw_rows(data, title, KAPPA, draw_one, sharey=True)


def _names(run: Run, beginning: str) -> list[str]:
    return sorted(name for name in run.curves if name.startswith(beginning))


def _draw_named(axes: Axes, run: Run, names: list[str]) -> None:
    """Draw curves of a run, each with its colour for all runs."""
    first = not axes.lines
    for number, name in enumerate(names):
        label = name if first else None
        axes.plot(*run.curves[name], color=f'C{number}', linewidth=1.4, label=label)
    axes.legend(frameon=False, fontsize=7)


def _draw_rows(
    data: str, title: str, needed: str, draw_one: Callable[[Axes, Run], None], sharey: bool
) -> Figure | None:
    """Draw a panel for each row that has a curve of the needed name; None if no row has it."""
    rows = {row: read_curves(curves_file(data, row.name)) for row in ROWS.values()}
    rows = {row: runs for row, runs in rows.items() if any(needed in run.curves for run in runs)}
    if not rows:
        return None
    columns = min(4, len(rows))
    lines = -(-len(rows) // columns)
    width, height = (2.75, 1.9) if columns == 4 else (5, 2.8)
    figure = Figure(figsize=(width * columns, 0.6 + height * lines), layout='constrained')
    figure.suptitle(title)
    grid = figure.subplots(lines, columns, sharex=True, sharey=sharey, squeeze=False)
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    for axes, (row, runs) in zip(grid.flat, rows.items(), strict=False):
        for run in runs:
            draw_one(axes, run)
        axes.set_title(row.title, fontsize=10)
        axes.grid(alpha=0.3)
    for column in grid.T:
        for axes in [axes for axes in column if axes.axison][-1:]:  # the lowest panel
            axes.set_xlabel('step')
            axes.tick_params(labelbottom=True)
    return figure


PICTURES = {
    'bars': draw_bars,
    'curves': draw_curves,
    'losses': draw_losses,
    'kappa': draw_kappa,
}
