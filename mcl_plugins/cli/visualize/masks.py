"""Draw the masks of a method in the course of its pre-training.

    mcl masks configs/ccmim/vit-b.py work_dirs/ccmim/vit-b/epoch_*.pth \
        --images data/imagenet/val [--count 4]

A row an image and a column a checkpoint. Under each image of a method that hides what it attends
to there is the importance of its patches, dark to bright. All checkpoints draw with the same seed,
so that what changes from one to the next is the model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...algorithms import PretrainingMethod
from ..arguments import parser_for
from ..common import read_config
from ..options import merge_options
from .pictures import (
    add_image_arguments,
    add_pretraining_arguments,
    build_pretraining,
    hide,
    image_side,
    label_row,
    panels,
    read_images,
    save,
    show,
    spread,
    student_view,
    to_rgb,
    with_title,
)


@dataclass
class Column:
    """What one checkpoint does to the images."""

    method: str
    epoch: int
    checkpoint: str
    images: Tensor  # (N, 3, S, S) uint8
    visible: Tensor  # (N, 3, S, S) in [0, 1]
    importance: Tensor | None  # (N, 1, S, S)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; beside ``out`` these are the arguments of :func:`masks_of`."""
    parser = parser_for(__doc__)
    add_pretraining_arguments(parser)
    parser.add_argument('checkpoints', nargs='+', metavar='CHECKPOINT', help='of its pre-training')
    add_image_arguments(parser, count=4)
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw what the command line says, and write the picture."""
    settings = vars(parse_args(argv))
    out = settings.pop('out')
    columns = masks_of(**settings)
    save(draw(columns), out or Path(f'{columns[-1].checkpoint}.masks.png'))


def draw_masks(config: str | Path, checkpoints: Sequence[str | Path], **settings: Any) -> Figure:
    """Draw the masks of a method in the course of its pre-training.

    Args:
        config: of the pre-training: a path, or a name among the package's own configs.
        checkpoints: of the pre-training, in any order.
        **settings: the other arguments of :func:`masks_of`: ``images``, ``count``, ...
    """
    return draw(masks_of(config, checkpoints, **settings))


def masks_of(
    config: str | Path,
    checkpoints: Sequence[str | Path],
    images: Sequence[Path],
    count: int = 4,
    seed: int = 0,
    cfg_options: dict[str, Any] | None = None,
) -> list[Column]:
    """What each checkpoint hides of the same images, in the order of the epochs.

    Args:
        config: of the pre-training.
        checkpoints: of the pre-training, in any order.
        images: files, or folders to pick from.
        count: number of images.
        seed: of the masks.
        cfg_options: settings of the config to override, by dotted name.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a checkpoint is not of this config, or the method hides nothing.
    """
    settings = read_config(config)
    merge_options(settings, cfg_options)
    columns = []
    for checkpoint in checkpoints:
        model, epoch = build_pretraining(settings, checkpoint)
        pixels = read_images(images, count, image_side(model))
        torch.manual_seed(seed)
        visible, importance = mask(model, pixels)
        name = type(model).__name__
        columns.append(Column(name, epoch, str(checkpoint), pixels, visible, importance))
    return sorted(columns, key=lambda column: column.epoch)


@torch.no_grad()
def mask(model: Any, images: Tensor) -> tuple[Tensor, Tensor | None]:
    """What is visible of (N, 3, H, W) uint8 RGB images, and the importance of their patches."""
    view = student_view(model, images)
    drawn = model.draw_mask(view) if isinstance(model, PretrainingMethod) else None
    if drawn is None:
        raise ValueError(
            f'{type(model).__name__} of this config hides no patches: it has no mask to draw.'
        )
    importance = model.importance_of(view)
    if importance is not None:
        importance = spread(importance, view.shape[-1]).cpu()
    return hide(to_rgb(model, view), drawn), importance


def draw(columns: list[Column]) -> Figure:
    """The images to the left, a column a checkpoint."""
    images = columns[0].images
    kinds = 1 if columns[0].importance is None else 2
    lines, width = kinds * len(images), 1 + len(columns)
    figure, axes = panels(lines, width, size=(1.8 * width + 0.6, 1.8 * lines + 0.8))
    with_title(figure, f'{columns[0].method}: masks in the course of pre-training')
    for place in axes.flat:
        place.set_axis_off()
    for index, image in enumerate(images):
        show(axes[kinds * index, 0], image, '' if index else 'input')
        for column, places in zip(columns, axes[kinds * index :, 1:].T, strict=True):
            show(places[0], column.visible[index], '' if index else f'epoch {column.epoch}')
            if column.importance is not None:
                show(places[1], column.importance[index, 0])
        if kinds == 2:
            label_row(axes[kinds * index + 1, 1], 'importance')
    return figure
