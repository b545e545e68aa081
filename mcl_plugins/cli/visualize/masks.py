r"""Draw the masks of a method in the course of its pre-training.

    mcl masks configs/ccmim/vit-b.py work_dirs/ccmim/vit-b/epoch_*.pth \
        --images data/imagenet/val [--count 4] [--untrained]

Each row is an image and each column a checkpoint, the first one the untrained network if that is
asked for. For methods that mask by importance, the importance of the patches is drawn below each
image, from dark to bright. All checkpoints use the same seed, so only the model differs between
columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...algorithms import PretrainingMethod
from ..common import read_config
from ..decoder import decoder_of
from ..options import merge_options
from ..parsers.visualize import masks as parse_args
from .pictures import (
    build_pretraining,
    image_side,
    label_row,
    name_of,
    paint_masked,
    panels,
    read_images,
    save,
    show_image,
    student_view,
    to_rgb,
    upsample_to_pixels,
    with_title,
)


@dataclass
class Column:
    """Masked images of one checkpoint."""

    method: str
    epoch: int
    checkpoint: str  # '' of the untrained network
    images: Tensor  # (N, 3, S, S) in [0, 1], as the network gets them
    visible: Tensor  # the same without the masked patches
    importance: Tensor | None  # (N, 1, S, S)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line describes and write it to a file."""
    arguments = vars(parse_args(argv))
    out = arguments.pop('out')
    columns = compute_masks(**arguments)
    save(draw(columns), out or Path(f'{columns[-1].checkpoint}.masks.png'))


def draw_masks(config: str | Path, checkpoints: Sequence[str | Path], **options: Any) -> Figure:
    """Draw the masks of a method in the course of its pre-training.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        checkpoints: checkpoints of the pre-training, in any order.
        **options: the other arguments of :func:`compute_masks`: ``images``, ``count``, ...
    """
    return draw(compute_masks(config, checkpoints, **options))


def compute_masks(
    config: str | Path,
    checkpoints: Sequence[str | Path],
    images: Sequence[Path],
    count: int = 4,
    seed: int = 0,
    untrained: bool = False,
    cfg_options: dict[str, Any] | None = None,
) -> list[Column]:
    """Mask the same images with each checkpoint, in the order of the epochs.

    Args:
        config: config of the pre-training.
        checkpoints: checkpoints of the pre-training, in any order.
        images: image files, or folders to choose images from.
        count: number of images.
        seed: random seed of the masks, and of the weights of the untrained network.
        untrained: whether the network at iteration 0 comes first.
        cfg_options: options of the config to override, by dotted name.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a checkpoint does not fit the config, or the method masks nothing.
    """
    cfg = read_config(config)
    merge_options(cfg, cfg_options)
    decode = decoder_of(cfg.train_dataloader)
    columns = []
    for checkpoint in [None] * untrained + [*checkpoints]:
        torch.manual_seed(seed)
        model, epoch = build_pretraining(cfg, checkpoint)
        pixels = read_images(images, count, image_side(model), decode)
        torch.manual_seed(seed)
        name = type(model).__name__
        columns.append(Column(name, epoch, str(checkpoint or ''), *mask(model, pixels)))
    return sorted(columns, key=lambda column: column.epoch)


@torch.no_grad()
def mask(model: Any, images: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """Mask images (N, 3, H, W) uint8 RGB.

    Returns:
        The images as the network gets them, without the masked patches, and the importance of their
        patches.
    """
    view = student_view(model, images)
    drawn = model.draw_mask(view) if isinstance(model, PretrainingMethod) else None
    if drawn is None:
        raise ValueError(
            f'{type(model).__name__} of this config masks no patches, so there is no mask to draw.'
        )
    importance = model.compute_importance(view)
    if importance is not None:
        importance = upsample_to_pixels(importance, view.shape[-1]).cpu()
    seen = to_rgb(model, view)
    return seen, paint_masked(seen, drawn), importance


def draw(columns: list[Column]) -> Figure:
    """Draw the images in the first column and one column per checkpoint."""
    images = columns[0].images
    kinds = 1 if columns[0].importance is None else 2
    lines, width = kinds * len(images), 1 + len(columns)
    figure, axes = panels(lines, width, size=(1.8 * width + 0.6, 1.8 * lines + 0.8))
    last = name_of(columns[-1].checkpoint, columns[-1].epoch)
    title = last if len(columns) == 1 else f'the course of pre-training to {last}'
    with_title(figure, f'{columns[0].method}: masks (gray = hidden), {title}')
    for place in axes.flat:
        place.set_axis_off()
    for index, image in enumerate(images):
        show_image(axes[kinds * index, 0], image, '' if index else "network's input")
        for column, places in zip(columns, axes[kinds * index :, 1:].T, strict=True):
            title = f'epoch {column.epoch}' if column.checkpoint else 'untrained'
            show_image(places[0], column.visible[index], '' if index else title)
            if column.importance is not None:
                show_image(places[1], column.importance[index, 0])
        if kinds == 2:
            label_row(axes[kinds * index + 1, 1], 'importance')
    return figure
