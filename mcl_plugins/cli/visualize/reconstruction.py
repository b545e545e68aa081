"""Draw what a masked autoencoder makes of the images of which it sees a part.

    mcl reconstruction configs/cmae/vit-b.py CHECKPOINT \
        --images data/imagenet/val [--count 8]

Three rows: the input, what the encoder sees of it, and the decoder's output in the hidden patches
between the visible ones. A model that learned normalised pixels (norm_pix) says nothing of a
patch's brightness and contrast: each patch gets those of the original.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...algorithms import ReconstructingMethod
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; beside ``out`` it has what :func:`draw_reconstructions` takes."""
    parser = parser_for(__doc__)
    add_pretraining_arguments(parser)
    parser.add_argument('checkpoint', help='what its pre-training wrote')
    add_image_arguments(parser, count=8)
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw what the command line says, and write the picture."""
    settings = vars(parse_args(argv))
    out = settings.pop('out') or Path(f'{settings["checkpoint"]}.reconstruction.png')
    save(draw_reconstructions(**settings), out)


def draw_reconstructions(
    config: str | Path,
    checkpoint: str | Path,
    images: Sequence[Path],
    count: int = 8,
    seed: int = 0,
    cfg_options: dict[str, Any] | None = None,
) -> Figure:
    """Draw images, what the encoder sees of them, and what the decoder makes of that.

    Args:
        config: of the pre-training: a path, or a name among the package's own configs.
        checkpoint: of the pre-training.
        images: files, or folders to pick from.
        count: number of images.
        seed: of the masks.
        cfg_options: settings of the config to override, by dotted name.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the method has no decoder, or the checkpoint is not of this config.
    """
    settings = read_config(config)
    merge_options(settings, cfg_options)
    model, epoch = build_pretraining(settings, checkpoint)
    if not isinstance(model, ReconstructingMethod):
        raise ValueError(
            f'{type(model).__name__} reconstructs no pixels; take a config of CMAE or ccMIM.'
        )
    pixels = read_images(images, count, image_side(model))
    torch.manual_seed(seed)
    title = f'{type(model).__name__}, epoch {epoch}: reconstruction'
    return draw(reconstructions(model, pixels), title)


def reconstructions(model: Any, images: Tensor) -> dict[str, Tensor]:
    """The rows of the picture: (N, 3, S, S) in [0, 1] each, by what they show.

    Args:
        model: a :class:`ReconstructingMethod`.
        images: (N, 3, S, S) uint8 RGB.
    """
    view = student_view(model, images)
    pixels, mask = model.reconstruct(view)
    hidden = spread(mask.mask, view.shape[-1])
    output = torch.where(hidden, to_image(model.pixel_head, pixels, view), view)
    seen = to_rgb(model, view)
    return {'input': seen, 'visible': hide(seen, mask), 'output': to_rgb(model, output)}


def to_image(head: Any, pixels: Tensor, view: Tensor) -> Tensor:
    """Patches (N, L, 3 p^2) in the form of the head's target -> the view that they make up.

    Patches that the head normalises get mean and deviation of the view's own.
    """
    if head.norm_pix:
        patches = head.patchify(view)
        scale = (patches.var(dim=-1, keepdim=True) + 1e-6).sqrt()  # as the head's target has it
        pixels = pixels * scale + patches.mean(dim=-1, keepdim=True)
    return head.unpatchify(pixels)


def draw(rows: dict[str, Tensor], title: str) -> Figure:
    """A column an image."""
    columns = len(next(iter(rows.values())))
    size = (1.7 * columns + 0.6, 1.75 * len(rows) + 0.6)
    figure, axes = panels(len(rows), columns, size)
    with_title(figure, title)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        label_row(line[0], name)
        for place, image in zip(line, images, strict=True):
            show(place, image)
    return figure
