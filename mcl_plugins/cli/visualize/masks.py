"""Draw the masks of a method in the course of its pre-training, as ccMIM shows them.

    python tools/visualize/masks.py configs/ccmim/vit-b.py work_dirs/ccmim/vit-b/epoch_*.pth \
        --images data/imagenet/val [--count 4]

A row an image and a column a checkpoint. Under each image of a method that hides what it attends
to there is the importance of its patches, dark to bright. All checkpoints draw with the same seed,
so that what changes from one to the next is the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ...algorithms import PretrainingMethod
from .pictures import (
    add_image_arguments,
    add_pretraining_arguments,
    build_pretraining,
    config_of,
    hide,
    image_side,
    label_row,
    parser_for,
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

    epoch: int
    checkpoint: str
    visible: Tensor  # (N, 3, S, S) in [0, 1]
    importance: Tensor | None  # (N, 1, S, S)


def main() -> None:
    """Read, draw masks with each checkpoint, draw the picture."""
    parser = parser_for(__doc__)
    add_pretraining_arguments(parser, '+')
    add_image_arguments(parser, count=4)
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    args = parser.parse_args()
    config = config_of(args)
    columns = []
    for checkpoint in args.checkpoint:
        model, epoch = build_pretraining(config, checkpoint)
        images = read_images(args.images, args.count, image_side(model))
        torch.manual_seed(args.seed)
        columns.append(Column(epoch, checkpoint, *mask(model, images)))
    columns.sort(key=lambda column: column.epoch)
    name = type(model).__name__
    figure = draw(images, columns, f'{name}: masks in the course of pre-training')
    save(figure, args.out or Path(f'{columns[-1].checkpoint}.masks.png'))


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


def draw(images: Tensor, columns: list[Column], title: str) -> Figure:
    """The images to the left, a column a checkpoint."""
    kinds = 1 if columns[0].importance is None else 2
    lines, width = kinds * len(images), 1 + len(columns)
    figure, axes = plt.subplots(
        lines, width, figsize=(1.8 * width + 0.6, 1.8 * lines + 0.8), squeeze=False,
        layout='constrained',
    )  # fmt: skip
    with_title(figure, title)
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
