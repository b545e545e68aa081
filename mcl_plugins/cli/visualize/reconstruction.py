r"""Draw the reconstructions of a masked autoencoder.

    mcl reconstruction configs/cmae/vit-b.py CHECKPOINT \
        --images data/imagenet/val [--count 8]

The three rows are the input, its visible patches, and the decoder's output in the masked patches
with the visible patches around them. A model that was trained on normalised pixels (norm_pix) does
not predict the brightness and contrast of a patch; these are taken from the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...algorithms import ReconstructingMethod
from ..common import read_config
from ..decoder import decoder_of
from ..options import merge_options
from ..parsers.visualize import reconstruction as parse_args
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


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line describes and write it to a file."""
    arguments = vars(parse_args(argv))
    out = arguments.pop('out') or Path(f'{arguments["checkpoint"]}.reconstruction.png')
    save(draw_reconstructions(**arguments), out)


def draw_reconstructions(
    config: str | Path,
    checkpoint: str | Path,
    images: Sequence[Path],
    count: int = 8,
    seed: int = 0,
    cfg_options: dict[str, Any] | None = None,
) -> Figure:
    """Draw images, their visible patches, and their reconstructions.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        checkpoint: checkpoint of the pre-training.
        images: image files, or folders to choose images from.
        count: number of images.
        seed: random seed of the masks.
        cfg_options: options of the config to override, by dotted name.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the method has no decoder, or the checkpoint does not fit the config.
    """
    cfg = read_config(config)
    merge_options(cfg, cfg_options)
    model, epoch = build_pretraining(cfg, checkpoint)
    if not isinstance(model, ReconstructingMethod):
        raise ValueError(
            f'{type(model).__name__} reconstructs no pixels; use a config of CMAE or ccMIM.'
        )
    pixels = read_images(images, count, image_side(model), decoder_of(cfg.train_dataloader))
    torch.manual_seed(seed)
    title = f'{type(model).__name__}: reconstruction (gray = hidden), {name_of(checkpoint, epoch)}'
    return draw(reconstructions(model, pixels), title)


def reconstructions(model: Any, images: Tensor) -> dict[str, Tensor]:
    """Compute the rows of the picture by name, (N, 3, S, S) in [0, 1] each.

    Args:
        model: a :class:`ReconstructingMethod`.
        images: (N, 3, S, S) uint8 RGB.
    """
    view = student_view(model, images)
    pixels, mask = model.reconstruct(view)
    masked = upsample_to_pixels(mask.mask, view.shape[-1])
    output = torch.where(masked, to_image(model.pixel_head, pixels, view), view)
    seen = to_rgb(model, view)
    return {'input': seen, 'visible': paint_masked(seen, mask), 'output': to_rgb(model, output)}


def to_image(head: Any, pixels: Tensor, view: Tensor) -> Tensor:
    """Turn predicted patches (N, L, 3 p^2), in the form of the head's target, into a view.

    If the head normalises patches, they get the mean and standard deviation of the view's patches.
    """
    if head.norm_pix:
        patches = head.patchify(view)
        scale = (patches.var(dim=-1, keepdim=True) + 1e-6).sqrt()  # as in the head's target
        pixels = pixels * scale + patches.mean(dim=-1, keepdim=True)
    return head.unpatchify(pixels)


def draw(rows: dict[str, Tensor], title: str) -> Figure:
    """Draw one column per image."""
    columns = len(next(iter(rows.values())))
    size = (1.7 * columns + 0.6, 1.75 * len(rows) + 0.6)
    figure, axes = panels(len(rows), columns, size)
    with_title(figure, title)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        label_row(line[0], name)
        for place, image in zip(line, images, strict=True):
            show_image(place, image)
    return figure
