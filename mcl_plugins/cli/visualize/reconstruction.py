"""Draw what a masked autoencoder (CMAE, ccMIM) makes of images of which it sees a part.

    python tools/visualize/reconstruction.py configs/cmae/vit-b.py CHECKPOINT \
        --images data/imagenet/val [--count 8]

Three rows: the input, what the encoder sees of it, and the decoder's output in the hidden patches
between the visible ones. A model that learned normalised pixels (norm_pix) says nothing of a
patch's brightness and contrast: each patch gets those of the original.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ...algorithms import ReconstructingMethod
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


def main() -> None:
    """Read, reconstruct, draw."""
    parser = parser_for(__doc__)
    add_pretraining_arguments(parser, None)
    add_image_arguments(parser, count=8)
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    args = parser.parse_args()
    config = config_of(args)
    model, epoch = build_pretraining(config, args.checkpoint)
    if not isinstance(model, ReconstructingMethod):
        raise ValueError(
            f'{type(model).__name__} reconstructs no pixels; take a config of CMAE or ccMIM.'
        )
    images = read_images(args.images, args.count, image_side(model))
    torch.manual_seed(args.seed)
    title = f'{type(model).__name__}, epoch {epoch}: reconstruction'
    figure = draw(reconstructions(model, images), title)
    save(figure, args.out or Path(f'{args.checkpoint}.reconstruction.png'))


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
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(1.7 * columns + 0.6, 1.75 * len(rows) + 0.6), squeeze=False,
        layout='constrained',
    )  # fmt: skip
    with_title(figure, title)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        label_row(line[0], name)
        for place, image in zip(line, images, strict=True):
            show(place, image)
    return figure
