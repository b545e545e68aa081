"""Draw the training curves of one or several runs.

    mcl curves WORK_DIR [WORK_DIR ...] --out curves.png

The picture shows the losses, with the loss of random guessing as a dashed line; the accuracy of the
contrastive task; the spread of the keys (0: collapsed); kappa if it was logged; and the results of
probes and validation. A resumed run is one curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..logs import Run, read_run
from ..parsers.visualize import curves as parse_args
from .pictures import panels, save, with_title

# Quantities in the order of their panels: beginning of the name in the log -> meaning.
QUANTITIES = {
    'loss': '',  # the name is the title
    'top1': 'accuracy of the contrastive task',
    'key_spread': 'spread of the keys',
    'key_rank': 'effective rank of the keys',
    'query_rank': 'effective rank of the queries',
    'alignment': 'squared distance to the own key',
    'uniformity': 'of the queries',
    'grad_share': 'of the gradients',
    'ema_distance': 'of student and teacher',
    'weight_change': 'of a step, relative',
    'kappa': 'concentration',
    'knn': 'k-NN on the probe, %',
    'linear': 'linear classifier on the probe, %',
    'accuracy/top1': 'validation accuracy, %',
    'mIoU': 'mIoU, %',
    'coco/bbox_mAP': 'box AP',
    'coco/segm_mAP': 'mask AP',
}
EXACT = ('accuracy/top1', 'mIoU', 'coco/bbox_mAP', 'coco/segm_mAP')
COLUMNS = 3


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line describes and write it to a file."""
    args = parse_args(argv)
    save(draw_curves(args.work_dirs, args.names), args.out)


def draw_curves(work_dirs: Sequence[Path], names: Sequence[str] | None = None) -> Figure:
    """Draw the logs of runs, with one panel per quantity and one colour per run.

    Args:
        work_dirs: work dirs of the runs.
        names: names of the runs; by default their folders.

    Raises:
        FileNotFoundError: one of the folders has no log.
        ValueError: the logs have nothing to draw, or the number of names is wrong.
    """
    names = names or [str(folder) for folder in work_dirs]
    if len(names) != len(work_dirs):
        raise ValueError(
            f'--names has {len(names)} names for {len(work_dirs)} runs; give one for each.'
        )
    return draw([read_run(folder, name) for folder, name in zip(work_dirs, names, strict=True)])


def select_panels(runs: list[Run]) -> list[str]:
    """Return the names that at least one run logged, in the order of ``QUANTITIES``."""
    logged = {key for entry in runs for key in entry.curves}
    parts = {key for key in logged if key.startswith('loss_')}
    names = []
    for beginning in QUANTITIES:
        found = {
            key
            for key in logged
            if (key == beginning if beginning in EXACT else key.startswith(beginning))
        }
        # With one part, the sum equals it.
        if beginning == 'loss' and len(parts) == 1:
            have_it = [entry.curves.keys() for entry in runs if 'loss' in entry.curves]
            found -= {'loss'} if all(parts <= keys for keys in have_it) else set()
        names += sorted(found)
    return names


def find_floor(name: str, logged: set[str]) -> str | None:
    """Return the name under which the chance level of a loss was logged, or None."""
    if not name.startswith('loss'):
        return None
    part = name.removeprefix('loss')
    if f'chance{part}' in logged and part:
        return f'chance{part}'
    contrast = 'loss_contrast' if 'loss_contrast' in logged else 'loss'
    return 'chance' if 'chance' in logged and name == contrast else None


def draw(runs: list[Run]) -> Figure:
    """Draw one panel per quantity, with one colour per run.

    Raises:
        ValueError: the runs logged nothing that is drawn.
    """
    return draw_sheet(runs, 'Training curves', lambda axes, name: draw_panel(axes, name, runs))


def draw_sheet(runs: list[Run], title: str, draw_one: Callable[[Axes, str], None]) -> Figure:
    """Draw a sheet with one panel per quantity and the legend of all of them.

    Args:
        runs: their quantities are drawn.
        title: of the sheet.
        draw_one: draws the quantity of a name; its labels are those of the legend.

    Raises:
        ValueError: the runs logged nothing that is drawn.
    """
    names = select_panels(runs)
    if not names:
        raise ValueError(f'The runs logged none of {", ".join(QUANTITIES)}.')
    columns = min(COLUMNS, len(names))
    lines = -(-len(names) // columns)
    figure, grid = panels(lines, columns, size=(4.6 * columns, 3.2 * lines + 0.9))
    with_title(figure, title)
    for place in grid.flat[len(names) :]:
        place.set_axis_off()
    for place, name in zip(grid.flat, names, strict=False):
        draw_one(place, name)
        finish_panel(place, name)
    handles = {
        label: handle
        for place in grid.flat
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc='outside lower center', ncols=min(3, len(handles)),
        frameon=False,
    )  # fmt: skip
    return figure


def draw_panel(axes: Axes, name: str, runs: list[Run]) -> None:
    """Draw one quantity of all runs; losses have their chance level as a dashed line."""
    for number, entry in enumerate(runs):
        if name not in entry.curves:
            continue
        colour = f'C{number % 10}'
        steps, values = entry.curves[name]
        marker = 'o' if len(steps) < 3 else None
        axes.plot(steps, values, color=colour, linewidth=1.8, marker=marker, label=entry.name)
        draw_floor(axes, name, entry, colour)
    length = epoch_length(runs[0])
    if len(runs) == 1 and length and name not in EXACT:
        both = (lambda steps: steps / length, lambda epochs: epochs * length)
        axes.secondary_xaxis('top', functions=both).set_xlabel('epoch', fontsize=8)


def draw_floor(axes: Axes, name: str, entry: Run, colour: str) -> None:
    """Draw the chance level of a loss as a dashed line, if the run logged it."""
    floor = find_floor(name, set(entry.curves))
    if floor is not None:
        axes.plot(*entry.curves[floor], color=colour, linestyle='--', linewidth=1, label='chance')


def finish_panel(axes: Axes, name: str) -> None:
    """Write what a panel shows."""
    meaning = next(text for start, text in reversed(QUANTITIES.items()) if name.startswith(start))
    by_epoch = name in EXACT
    axes.set_title(name if name.startswith('loss') else f'{name}: {meaning}', fontsize=11)
    axes.set_xlabel('epoch or iteration of the validation' if by_epoch else 'iteration')
    axes.grid(alpha=0.3)


def epoch_length(entry: Run) -> float | None:
    """Estimate the iterations of an epoch from the lines of the log; None for one epoch or none.

    A line has the number of the epoch that it is in, so that no line has more iterations for each
    of them than an epoch has; the last line of an epoch has nearly as many.

    Example:
        >>> steps = [20, 40, 63, 83]  # epochs of 43 iterations
        >>> epoch_length(Run('', {'epoch': (steps, [1, 1, 2, 2])}))
        41.5
    """
    steps, epochs = entry.curves.get('epoch', ([], []))
    if not epochs or max(epochs) < 2:
        return None
    return max(step / epoch for step, epoch in zip(steps, epochs, strict=True) if epoch)
