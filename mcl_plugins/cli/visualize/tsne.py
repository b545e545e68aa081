"""Draw the t-SNE of the features of some classes (MimCo, Figure 3).

    mcl tsne CONFIG CHECKPOINT [CHECKPOINT ...] [--classes 10] [--seed 0]

CONFIG is the config of a classifier, from configs/<method>/transfer/. It defines which part of a
CHECKPOINT is the encoder, which feature is drawn, and where the validation images are. The classes
are drawn at random. Each checkpoint has a panel with the silhouette of the classes (1: far apart,
0: mixed). The silhouette is computed in the space of the features, so it does not depend on t-SNE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset
from mmpretrain.registry import DATASETS
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from torch import Tensor
from torch.utils.data import Subset

from ...datasets.classes import agree_on_classes
from ...engine.bands import check_bands
from ...evaluation.features import extract_features
from ..evaluate.frozen import build_classifier, encode_batch, evaluation_loader
from ..parsers.visualize import tsne as parse_args
from .pictures import epoch_of, name_of, panels, save, with_title


@dataclass
class Panel:
    """t-SNE of one checkpoint's features."""

    title: str
    points: np.ndarray  # (N, 2)
    silhouette: float


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line describes and write it to a file."""
    arguments = vars(parse_args(argv))
    out = arguments.pop('out')
    checkpoints = [arguments.pop('checkpoint'), *arguments.pop('others')]
    figure = draw_tsne(checkpoints=checkpoints, **arguments)
    save(figure, out or Path(f'{checkpoints[0]}.tsne.png'))


def draw_tsne(
    config: str | Path,
    checkpoints: Sequence[str | Path],
    classes: int = 10,
    per_class: int = 50,
    perplexity: float = 30.0,
    seed: int = 0,
    **loading: Any,
) -> Figure:
    """Draw the features of some classes of the validation images, one panel per checkpoint.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoints: checkpoints whose encoders are used.
        classes: number of classes, drawn at random.
        per_class: largest number of images per class.
        perplexity: perplexity of t-SNE.
        seed: random seed of the classes and of t-SNE.
        **loading: ``work_dir``, ``cfg_options``, ``launcher``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: there are too few classes or images, the classes are not those of the training
            images, or a checkpoint does not fit the config.
    """
    drawn = []
    for checkpoint in checkpoints:
        runner, model, cfg = build_classifier(config, checkpoint, **loading)
        loader: Any = evaluation_loader(cfg, 'val')
        loader.dataset = DATASETS.build(loader.dataset)
        check_bands(model, loader.dataset)
        compare_with_training(cfg, loader.dataset)
        names, loader.dataset = choose(loader.dataset, classes, per_class, seed)
        encode = partial(encode_batch, model)
        title = name_of(checkpoint, epoch_of(checkpoint))
        features, labels = extract_features(encode, runner.build_dataloader(loader), title)
        drawn.append(embed(features, labels, title, perplexity, seed))
    return draw(drawn, labels.cpu().numpy(), names)


def compare_with_training(config: Config, dataset: BaseDataset) -> None:
    """Let the validation images have the classes of the training images, if those are there.

    Raises:
        ValueError: their classes differ by name.
    """
    try:
        training = DATASETS.build(config.train_dataloader.dataset)
    except FileNotFoundError:
        return  # a picture of the validation images does not need them
    agree_on_classes({'train_dataloader': training, 'val_dataloader': dataset})


def choose(
    dataset: BaseDataset | ConcatDataset, classes: int, per_class: int, seed: int
) -> tuple[dict[int, str], Subset]:
    """Choose the first images of some classes; return the class names by label, and the images.

    Raises:
        ValueError: the data set has fewer classes.
    """
    records = map(dataset.get_data_info, range(len(dataset)))
    labels = np.asarray([record['gt_label'] for record in records])
    present = np.unique(labels)
    if not 2 <= classes <= len(present):
        raise ValueError(
            f'--classes={classes} must be from 2 to {len(present)}, the number of classes.'
        )
    chosen = np.sort(np.random.default_rng(seed).choice(present, classes, replace=False))
    kept = [index for label in chosen for index in np.flatnonzero(labels == label)[:per_class]]
    known = dataset.metainfo.get('classes')
    names = {int(label): known[label] if known else f'class {label}' for label in chosen}
    return names, Subset(dataset, [int(index) for index in kept])


def embed(features: Tensor, labels: Tensor, title: str, perplexity: float, seed: int) -> Panel:
    """Compute the t-SNE of features (N, D) with cosine distances, and their silhouette.

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


def draw(drawn: list[Panel], labels: np.ndarray, names: dict[int, str]) -> Figure:
    """Draw one panel per checkpoint, with the same colours for the classes."""
    figure, axes = panels(1, len(drawn), size=(5.2 * len(drawn) + 1.8, 5.4))
    with_title(figure, f't-SNE of {len(labels)} images of {len(names)} classes')
    for place, panel in zip(axes[0], drawn, strict=True):
        scatter(place, panel, labels, names)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc='outside right center', frameon=False, markerscale=1.6)
    return figure


def scatter(axes: Axes, panel: Panel, labels: np.ndarray, names: dict[int, str]) -> None:
    """Draw one dot per image."""
    colours = colormaps['tab10' if len(names) <= 10 else 'turbo'].resampled(len(names))
    for number, (label, name) in enumerate(names.items()):
        x, y = panel.points[labels == label].T
        axes.scatter(x, y, s=14, color=colours(number), label=name.split(',')[0])
    axes.set_title(f'{panel.title}\nsilhouette {panel.silhouette:.2f}', fontsize=11)
    axes.set(xticks=[], yticks=[])
