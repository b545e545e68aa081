"""Draw the features of some classes in the plane by t-SNE (MimCo, Figure 3).

    python tools/visualize/tsne.py CONFIG CHECKPOINT [CHECKPOINT ...] [--classes 10] [--seed 0]

CONFIG is a classifier's, from configs/<method>/transfer/: it says which part of a CHECKPOINT is the
encoder, which feature the head sees, and where the validation images are. The classes are drawn at
random. Each checkpoint gets a panel, with the silhouette of the classes in the space of the
features (1: far apart, 0: mixed), which, other than the plane, has no freedom of its own.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mmengine.dataset import BaseDataset
from mmpretrain.registry import DATASETS
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from torch import Tensor

from ...evaluation.features import extract_features
from ..arguments import at_least, positive
from ..evaluate.frozen import build_classifier, evaluation_loader, parser_for
from .pictures import save, with_title


@dataclass
class Panel:
    """What one checkpoint makes of the images."""

    title: str
    points: np.ndarray  # (N, 2)
    silhouette: float


def main() -> None:
    """Encode, embed in the plane, draw."""
    parser = parser_for(__doc__)
    parser.add_argument('others', nargs='*', metavar='CHECKPOINT', help='more of the same config')
    parser.add_argument('--classes', type=int, default=10, help='how many, drawn at random')
    parser.add_argument('--per-class', type=at_least(2), default=50, help='images a class at most')
    parser.add_argument('--perplexity', type=positive, default=30.0, help='of t-SNE')
    parser.add_argument('--seed', type=int, default=0, help='of the classes and of t-SNE')
    args = parser.parse_args()
    panels = []
    for checkpoint in (args.checkpoint, *args.others):
        one = copy.copy(args)
        one.checkpoint = checkpoint
        runner, model, config = build_classifier(one)
        loader: Any = evaluation_loader(config, 'val')
        loader.dataset = DATASETS.build(loader.dataset)
        names = choose(loader.dataset, args.classes, args.per_class, args.seed)

        def encode(batch: dict, model: Any = model) -> Tensor:
            return model.extract_feat(model.data_preprocessor(batch)['inputs'])[-1]

        features, labels = extract_features(encode, runner.build_dataloader(loader), checkpoint)
        panels.append(embed(features, labels, checkpoint, args.perplexity, args.seed))
    figure = draw(panels, labels.cpu().numpy(), names)
    save(figure, args.out or Path(f'{args.checkpoint}.tsne.png'))


def choose(dataset: BaseDataset, classes: int, per_class: int, seed: int) -> dict[int, str]:
    """Keep the first images of some classes in ``dataset``; the names of these by label.

    Raises:
        ValueError: there are not so many classes.
    """
    labels = np.asarray(dataset.get_gt_labels())
    present = np.unique(labels)
    if not 2 <= classes <= len(present):
        raise ValueError(f'--classes={classes}: the images have {len(present)}; take 2 to that.')
    chosen = np.sort(np.random.default_rng(seed).choice(present, classes, replace=False))
    kept = [index for label in chosen for index in np.flatnonzero(labels == label)[:per_class]]
    dataset.get_subset_([int(index) for index in kept])
    known = dataset.metainfo.get('classes')
    return {int(label): known[label] if known else f'class {label}' for label in chosen}


def embed(features: Tensor, labels: Tensor, title: str, perplexity: float, seed: int) -> Panel:
    """t-SNE of (N, D) features by their directions, and their silhouette.

    Raises:
        ValueError: the perplexity is not smaller than the number of images.
    """
    if perplexity >= len(features):
        raise ValueError(
            f'--perplexity={perplexity:g} needs more images than that, got {len(features)}: lower '
            'it or raise --per-class.'
        )
    rows = features.cpu().numpy()
    plane = TSNE(perplexity=perplexity, metric='cosine', init='random', random_state=seed)
    points = plane.fit_transform(rows)
    silhouette = silhouette_score(rows, labels.cpu().numpy(), metric='cosine')
    return Panel(title, points, float(silhouette))


def draw(panels: list[Panel], labels: np.ndarray, names: dict[int, str]) -> Figure:
    """A panel a checkpoint, the same colours in all."""
    figure, axes = plt.subplots(
        1, len(panels), figsize=(5.2 * len(panels) + 1.8, 5.4), squeeze=False, layout='constrained'
    )
    with_title(figure, f't-SNE of {len(labels)} images of {len(names)} classes')
    for place, panel in zip(axes[0], panels, strict=True):
        scatter(place, panel, labels, names)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc='outside right center', frameon=False, markerscale=1.6)
    return figure


def scatter(axes: Axes, panel: Panel, labels: np.ndarray, names: dict[int, str]) -> None:
    """A dot an image."""
    colours = plt.get_cmap('tab10' if len(names) <= 10 else 'turbo', len(names))
    for number, (label, name) in enumerate(names.items()):
        x, y = panel.points[labels == label].T
        axes.scatter(x, y, s=14, color=colours(number), label=name.split(',')[0])
    axes.set_title(
        f'{"/".join(Path(panel.title).parts[-2:])}\nsilhouette {panel.silhouette:.2f}', fontsize=11
    )
    axes.set(xticks=[], yticks=[])
