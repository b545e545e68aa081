"""Draw the training curves of one or several runs.

    mcl curves WORK_DIR [WORK_DIR ...] --out curves.png

Losses with their chance floor (dashed: what a network that only guesses would have), the accuracy
of the contrast, the spread of the keys (0: collapsed), kappa where it was logged, and what probes
and validation found. A run that was resumed is one curve.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..arguments import parser_for
from ..logs import Run, read_run
from .pictures import panels, save, with_title

# What is drawn, in this order, by the beginning of its name in the log; and what it means.
QUANTITIES = {
    'loss': '',  # the name says it
    'top1': 'accuracy of the contrast',
    'key_spread': 'spread of the keys',
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; beside ``out`` these are the arguments of :func:`draw_curves`."""
    parser = parser_for(__doc__)
    parser.add_argument('work_dirs', nargs='+', type=Path, help='where the runs wrote their logs')
    parser.add_argument('--names', nargs='+', help='of the runs; their folders by default')
    parser.add_argument('--out', type=Path, required=True, help='the picture')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw what the command line says, and write the picture."""
    args = parse_args(argv)
    save(draw_curves(args.work_dirs, args.names), args.out)


def draw_curves(work_dirs: Sequence[Path], names: Sequence[str] | None = None) -> Figure:
    """Draw what runs logged: a panel a quantity, a colour a run.

    Args:
        work_dirs: of the runs.
        names: of the runs; their folders by default.

    Raises:
        FileNotFoundError: no run logged in one of the folders.
        ValueError: there is nothing to draw, or not a name for each run.
    """
    names = names or [str(folder) for folder in work_dirs]
    if len(names) != len(work_dirs):
        raise ValueError(f'--names has {len(names)} for {len(work_dirs)} runs.')
    return draw([read_run(folder, name) for folder, name in zip(work_dirs, names, strict=True)])


def panels_of(runs: list[Run]) -> list[str]:
    """Names of what at least one run logged, in the order of ``QUANTITIES``."""
    logged = {key for entry in runs for key in entry.curves}
    parts = {key for key in logged if key.startswith('loss_')}
    names = []
    for beginning in QUANTITIES:
        found = {
            key
            for key in logged
            if (key == beginning if beginning in EXACT else key.startswith(beginning))
        }
        # A sum of one part is that part.
        if beginning == 'loss' and len(parts) == 1:
            found -= {'loss'}
        names += sorted(found)
    return names


def floor_of(name: str, logged: set[str]) -> str | None:
    """The name under which the chance floor of a loss was logged, if there is one."""
    if not name.startswith('loss'):
        return None
    part = name.removeprefix('loss')
    if f'chance{part}' in logged and part:
        return f'chance{part}'
    contrast = 'loss_contrast' if 'loss_contrast' in logged else 'loss'
    return 'chance' if 'chance' in logged and name == contrast else None


def draw(runs: list[Run]) -> Figure:
    """A panel a quantity, a colour a run.

    Raises:
        ValueError: the runs logged nothing that is drawn.
    """
    names = panels_of(runs)
    if not names:
        raise ValueError(f'The runs logged none of {", ".join(QUANTITIES)}.')
    columns = min(COLUMNS, len(names))
    lines = -(-len(names) // columns)
    figure, axes = panels(lines, columns, size=(4.6 * columns, 3.2 * lines + 0.9))
    with_title(figure, 'Training curves')
    for place in axes.flat[len(names) :]:
        place.set_axis_off()
    for place, name in zip(axes.flat, names, strict=False):
        draw_panel(place, name, runs)
    handles = {
        label: handle
        for place in axes.flat
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc='outside lower center', ncols=min(3, len(handles)),
        frameon=False,
    )  # fmt: skip
    return figure


def draw_panel(axes: Axes, name: str, runs: list[Run]) -> None:
    """One quantity of all runs, losses with their floors."""
    for number, entry in enumerate(runs):
        if name not in entry.curves:
            continue
        colour = f'C{number % 10}'
        steps, values = entry.curves[name]
        marker = 'o' if len(steps) < 3 else None
        axes.plot(steps, values, color=colour, linewidth=1.8, marker=marker, label=entry.name)
        floor = floor_of(name, set(entry.curves))
        if floor is not None:
            axes.plot(*entry.curves[floor], color=colour, linestyle='--', linewidth=1)
    meaning = next(text for start, text in reversed(QUANTITIES.items()) if name.startswith(start))
    by_epoch = name in EXACT
    axes.set_title(name if name.startswith('loss') else f'{name}: {meaning}', fontsize=11)
    axes.set_xlabel('epoch or iteration of the validation' if by_epoch else 'iteration')
    axes.grid(alpha=0.3)
