"""The quickstart's picture: what was learned, how much it helps, and what it looks like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from ...checkpoint.files import load_file, state_dict_of
from ...mask_generators import upsample_patches
from .probe import build_classifier, features, load_images

COLOURS = {
    'untrained': '#d5dbe1',
    'random': '#9aa5b1',
    'pretrained': '#d9822b',
    'pixels': '#5c7080',
}
TITLES = {
    'ccmim': 'ccMIM',
    'cmae': 'CMAE',
    'conmim': 'ConMIM',
    'masked_byol': 'Masked BYOL',
    'masked_moco': 'Masked MoCo',
    'mimco': 'MimCo',
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
QUERIES = 5
NEIGHBOURS = 7


def draw_report(
    results: dict, config: Path, finetune_config: Path, checkpoint: Path, data: Path, folder: Path
) -> Path:
    """Draw ``report.png`` into ``folder`` and return its path.

    Args:
        results: the content of ``results.json``.
        config: pre-training config; its model draws the masks.
        finetune_config: its encoder finds the neighbours.
        checkpoint: pre-training checkpoint.
        data: folder of the images.
        folder: where the picture goes.
    """
    figure = plt.figure(figsize=(13, 10), layout='constrained')
    figure.suptitle(
        f'Quickstart: {TITLES[results["method"]]} on handwritten digits, without labels',
        fontsize=16,
        fontweight='bold',
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.25], squeeze=False)[:, 0]
    curve, bars = top.subplots(1, 2, width_ratios=[1, 1.3])
    draw_curve(curve, results['pre-training'])
    draw_accuracies(bars, results)
    draw_neighbours(bottom, config, finetune_config, checkpoint, data)
    path = folder / 'report.png'
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def draw_curve(axes: Axes, history: dict) -> None:
    """Losses over steps; the dashed line is the contrastive one of a network that only guesses."""
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
    """Bars of top-1 accuracy, beside chance."""
    tasks = ('fine-tune on 200 labels', 'linear probe', 'k-NN')
    draw_bars(axes, {task: results[task] for task in tasks}, ('random', 'pretrained', 'pixels'))
    axes.axhline(10, color='black', linestyle='--', linewidth=1)
    axes.text(-0.78, 11, 'chance')
    axes.set(title='Top-1 accuracy on unseen digits, %', xlim=(-0.8, 2.45), ylim=(0, 108))


def draw_bars(axes: Axes, rows: dict[str, dict], names: Sequence[str]) -> None:
    """Groups of bars with the spread over seeds.

    Args:
        axes: where they go.
        rows: for each group the summaries (mean, spread) by name; a name may be absent.
        names: which bars a group has, from left to right, as in ``NAMES``.
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
    figure: Figure | SubFigure, config: Path, finetune_config: Path, checkpoint: Path, data: Path
) -> None:
    """A row for each of a few unseen digits: itself, masked, and its nearest training images."""
    train, train_labels = load_images(finetune_config, data / 'train')
    val, val_labels = load_images(finetune_config, data / 'val')
    queries = np.array([np.flatnonzero(val_labels == digit)[7] for digit in range(0, 10, 2)])
    queries = queries[:QUERIES]
    encoder = build_classifier(finetune_config, checkpoint)
    bank, wanted = (
        features(encoder, images, name)
        for images, name in ((train, 'training'), (val[queries], 'queries'))
    )
    scaler = StandardScaler().fit(bank)
    similarity = cosine_similarity(scaler.transform(wanted), scaler.transform(bank))
    nearest = np.argsort(-similarity, axis=1)[:, :NEIGHBOURS]
    masked = mask_pixels(config, checkpoint, val[queries])

    figure.suptitle(
        'An unseen digit, what pre-training shows of one, and its nearest training images '
        '(green: same digit)'
    )
    grid = figure.subplots(QUERIES, NEIGHBOURS + 2)
    for row, query in enumerate(queries):
        show(grid[row, 0], val[query], f'{val_labels[query]}', 'black')
        show(grid[row, 1], masked[row], 'masked', 'gray')
        for column, index in enumerate(nearest[row], start=2):
            same = train_labels[index] == val_labels[query]
            show(
                grid[row, column], train[index], str(train_labels[index]), RIGHT if same else WRONG
            )


def mask_pixels(config: Path, checkpoint: Path, images: Tensor) -> Tensor:
    """Paint what a pre-trained model would hide of (N, 3, H, W) uint8 RGB images gray."""
    settings = Config.fromfile(config)
    preprocessor = {**settings.data_preprocessor, 'bgr_to_rgb': False}
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build({**settings.model, 'data_preprocessor': preprocessor})
    model.load_state_dict(state_dict_of(load_file(checkpoint)))
    mask = model.draw_mask(model.data_preprocessor({'inputs': images})['inputs'])
    grid = math.isqrt(mask.mask.shape[1])  # the images are square
    hidden = upsample_patches(mask.mask, (grid, grid), images.shape[-2:])
    return torch.where(hidden[:, None], 128, images)


def show(axes: Axes, image: Tensor, title: str, colour: str) -> None:
    """One image in a frame of a colour."""
    axes.imshow(image.permute(1, 2, 0).numpy())
    axes.set_title(title, fontsize=10, color=colour, pad=2)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.5)
