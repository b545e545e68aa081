"""Draw the quickstart's report: loss curve, accuracies, and nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from mmengine.config import Config
from torch import Tensor

from ...evaluation.knn import nearest
from ..evaluate.frozen import Features
from ..visualize.pictures import (
    build_pretraining,
    name_of,
    paint_masked,
    student_view,
    to_rgb,
)
from .probe import unflatten_images

COLOURS = {
    'untrained': '#d5dbe1',
    'random': '#9aa5b1',
    'pretrained': '#d9822b',
    'pixels': '#5c7080',
}
NAMES = {
    'untrained': 'untrained',
    'random': 'random weights',
    'pretrained': 'pre-trained',
    'pixels': 'raw pixels',
}
CONTRAST = '#d9822b'
LOSSES = {
    'contrast': CONTRAST,
    'reconstruction': '#2b6cb0',
    'contrast of patches': CONTRAST,
    'contrast of images': '#2b6cb0',
}
RIGHT, WRONG = '#2e8540', '#b03a2e'
NEIGHBOURS = 7


def draw_report(
    results: dict, features: dict[str, Features], config: Path, checkpoint: Path, folder: Path
) -> Path:
    """Draw ``report.png`` into ``folder`` and return its path.

    Args:
        results: the content of ``results.json``.
        features: result of :func:`~.probe.extract_all`.
        config: pre-training config; its model draws the masks.
        checkpoint: pre-training checkpoint.
        folder: folder for the picture.
    """
    figure = Figure(figsize=(13, 10), layout='constrained')
    figure.suptitle(
        f'Quickstart: {results["title"]} on handwritten digits, without labels',
        fontsize=16,
        fontweight='bold',
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.25], squeeze=False)[:, 0]
    curve, bars = top.subplots(1, 2, width_ratios=[1, 1.3])
    draw_curve(curve, results['pre-training'])
    draw_accuracies(bars, results)
    draw_neighbours(bottom, features, config, checkpoint)
    path = folder / 'report.png'
    figure.savefig(path, dpi=110)
    return path


def draw_curve(axes: Axes, history: dict) -> None:
    """Draw losses over steps; the dashed line is the contrastive loss of random guessing."""
    for name, values in history['losses'].items():
        axes.plot(history['step'], values, color=LOSSES[name], linewidth=2, label=name)
    axes.axhline(history['chance'], color=CONTRAST, linestyle='--', linewidth=1)
    axes.annotate(
        f'chance: {history["chance"]:.2f}',
        (history['step'][-1], history['chance']),
        xytext=(0, 4),
        textcoords='offset points',
        ha='right',
        color=CONTRAST,
    )
    highest = max(history['chance'], *(max(values) for values in history['losses'].values()))
    axes.set(title='Pre-training loss', xlabel='step', ylabel='loss', ylim=(0, 1.1 * highest))
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)


def draw_accuracies(axes: Axes, results: dict) -> None:
    """Draw bars of top-1 accuracy and the line of chance."""
    tasks = ('fine-tune on 200 labels', 'linear probe', 'k-NN')
    draw_bars(axes, {task: results[task] for task in tasks}, ('random', 'pretrained', 'pixels'))
    axes.axhline(10, color='black', linestyle='--', linewidth=1)
    axes.text(-0.78, 11, 'chance')
    axes.set(title='Top-1 accuracy on unseen digits, %', xlim=(-0.8, 2.45), ylim=(0, 108))


def draw_bars(axes: Axes, rows: dict[str, dict], names: Sequence[str]) -> None:
    """Draw groups of bars with the standard deviation over seeds.

    Args:
        axes: axes to draw on.
        rows: for each group the summaries (mean, spread) by name; names may be missing.
        names: bars of a group from left to right, keys of ``NAMES``.
    """
    width = 0.26
    for index, name in enumerate(names):
        present = [(place, row[name]) for place, row in enumerate(rows.values()) if row.get(name)]
        places = [place + (index - (len(names) - 1) / 2) * width for place, _ in present]
        means = [row['mean'] for _, row in present]
        spreads = [row['spread'] or 0 for _, row in present]
        axes.bar(places, means, width, color=COLOURS[name], label=NAMES[name])
        for place, mean, spread in zip(places, means, spreads, strict=True):
            if spread:
                axes.errorbar(place, mean, spread, ecolor='black', capsize=4)
            axes.text(place, mean + spread + 1, f'{mean:.0f}', ha='center')
    axes.set_xticks(range(len(rows)), list(rows))
    axes.legend(loc='upper left', ncols=len(names), frameon=False)
    axes.spines[['top', 'right']].set_visible(False)


def draw_neighbours(
    figure: Figure | SubFigure, features: dict[str, Features], config: Path, checkpoint: Path
) -> None:
    """Draw a row for each of a few unseen digits: image, masked image, nearest training images.

    The class and the cosine are written above each neighbour.
    """
    pixels, encoded = features['pixels'], features['pretrained']
    train, val = unflatten_images(pixels.train), unflatten_images(pixels.val)
    labels = pixels.val_labels
    queries = torch.stack([(labels == digit).nonzero()[7, 0] for digit in range(0, 10, 2)])
    cosines, rows = nearest(encoded.val[queries], encoded.train, NEIGHBOURS)
    masked, epoch = mask_pixels(config, checkpoint, val[queries])

    figure.suptitle(
        'An unseen digit, the digit as masked in pre-training (gray = hidden), and its nearest '
        'training images\nwith digit and cosine (green: same digit), by '
        f'{name_of(checkpoint, epoch)}'
    )
    grid = figure.subplots(len(queries), NEIGHBOURS + 2)
    for line, query, image, found, near in zip(
        grid, queries.tolist(), masked, rows.tolist(), cosines.tolist(), strict=True
    ):
        frame(line[0], val[query], f'query: {labels[query]}', 'black')
        frame(line[1], image, 'masked', 'gray')
        for axes, index, cosine in zip(line[2:], found, near, strict=True):
            label = pixels.train_labels[index]
            colour = RIGHT if label == labels[query] else WRONG
            frame(axes, train[index], f'{label}  {cosine:.2f}', colour)


@torch.no_grad()
def mask_pixels(config: Path, checkpoint: Path, images: Tensor) -> tuple[Tensor, int]:
    """Paint the patches that a pre-trained model masks gray, in (N, 3, S, S) RGB in [0, 1].

    Returns:
        The images, and the epoch of the checkpoint.
    """
    model, epoch = build_pretraining(Config.fromfile(config), checkpoint)
    torch.manual_seed(0)
    view = student_view(model, (255 * images).round().to(torch.uint8))
    return paint_masked(to_rgb(model, view), model.draw_mask(view)), epoch


def frame(axes: Axes, image: Tensor, title: str, colour: str) -> None:
    """Draw one image in a coloured frame."""
    axes.imshow(image.permute(1, 2, 0).numpy())
    axes.set_title(title, fontsize=10, color=colour, pad=2)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.5)
