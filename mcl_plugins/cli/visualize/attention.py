r"""Draw the attention of a vision transformer's class token (ConMIM, Figure 3).

    mcl attention CONFIG CHECKPOINT --images data/imagenet/val \
        [--size 480] [--heads]

CONFIG is the config of a classifier, from configs/<method>/transfer/. It defines which part of
CHECKPOINT is the encoder. Beside each image its attention in the last block is drawn, averaged over
the heads; --heads also draws the map of each head. Images larger than in training show more detail;
the positions are interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import Tensor
from torch.nn import functional as F

from ...evaluation.attention import class_attention_maps
from ...own.wrapped import pipeline_of
from ...utils.places import find_config
from ..common import get_config_name, read_config
from ..decoder import decoder_of
from ..evaluate.frozen import build_classifier
from ..parsers.visualize import attention as parse_args
from .pictures import (
    build_pretraining,
    epoch_of,
    image_side,
    name_of,
    panels,
    read_images,
    save,
    show_image,
    student_view,
    to_rgb,
    with_title,
)

# Steps of a pipeline that read, resize, crop or pack an image.
GEOMETRY = ('LoadImageFromFile', 'ResizeEdge', 'Resize', 'CenterCrop', 'PackInputs')


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line describes and write it to a file."""
    arguments = vars(parse_args(argv))
    out = arguments.pop('out') or Path(f'{arguments["checkpoint"]}.attention.png')
    save(draw_attention(**arguments), out)


def draw_attention(
    config: str | Path,
    checkpoint: str | Path,
    images: Sequence[Path],
    count: int = 6,
    size: int | None = None,
    heads: bool = False,
    cfg_options: dict[str, Any] | None = None,
    **loading: Any,
) -> Figure:
    """Draw images and, beside each, the attention of the class token in the last block.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoint: checkpoint whose encoder is used.
        images: image files, or folders to choose images from.
        count: number of images.
        size: side of the images in pixels; by default the config's.
        heads: also draw the map of each head.
        cfg_options: options of the config to override, by dotted name.
        **loading: ``work_dir``, ``launcher``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the encoder has no class token, or the checkpoint does not fit the config.
    """
    if size:
        cfg_options = {**(cfg_options or {}), 'model.backbone.img_size': size}
    _, model, cfg = build_classifier(config, checkpoint, cfg_options=cfg_options, **loading)
    side = size or cfg.model.backbone.img_size
    inputs = read_images(images, count, side, decoder_of(cfg.val_dataloader))
    inputs = apply_colours(cfg, inputs)
    batch = model.data_preprocessor({'inputs': inputs.flip(1)})  # BGR, as files are decoded
    maps = class_attention_maps(model.backbone, batch['inputs'])
    return draw(
        inputs,
        maps.cpu(),
        heads,
        f'Attention of the class token (dark: least), {get_config_name(find_config(config))}\n'
        f'{name_of(checkpoint, epoch_of(checkpoint))}',
    )


def draw_student_attention(
    config: str | Path, checkpoint: str | Path, images: Sequence[Path], count: int = 6
) -> Figure:
    """Draw the attention of a pre-training's student, from the pre-training's own config.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        checkpoint: checkpoint of the pre-training.
        images: image files, or folders to choose images from.
        count: number of images.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the student has no class token, or the checkpoint does not fit the config.
    """
    cfg = read_config(config)
    model, epoch = build_pretraining(cfg, checkpoint)
    pixels = read_images(images, count, image_side(model), decoder_of(cfg.train_dataloader))
    view = student_view(model, pixels)
    maps = class_attention_maps(model.backbone, view)
    title = (
        f"{type(model).__name__}: attention of the student's class token (dark: least)\n"
        f'{name_of(checkpoint, epoch)}'
    )
    return draw(to_rgb(model, view), maps.cpu(), heads=False, title=title)


def apply_colours(config: Config, images: Tensor) -> Tensor:
    """Apply the steps of the config's validation pipeline that do not resize or crop.

    Args:
        config: config of a classifier.
        images: (N, 3, S, S) uint8 RGB.
    """
    steps = pipeline_of(config.val_dataloader.dataset)
    change = Compose([step for step in steps if step['type'].rpartition('.')[-1] not in GEOMETRY])
    arrays = images.flip(1).permute(0, 2, 3, 1).numpy()  # BGR, as the pipeline has them
    changed = np.stack([change({'img': array})['img'] for array in arrays])
    return torch.from_numpy(changed).permute(0, 3, 1, 2).flip(1)


def draw(images: Tensor, maps: Tensor, heads: bool, title: str) -> Figure:
    """Draw for each image the image, its mean map and, with ``heads``, the maps of the heads.

    Args:
        images: (N, 3, S, S) RGB, uint8 or in [0, 1].
        maps: (N, heads, rows, columns).
        heads: also draw the map of each head.
        title: title of the picture.
    """
    maps = torch.cat((maps.mean(dim=1, keepdim=True), maps), dim=1)[:, : None if heads else 1]
    names = ['all heads', *(f'head {head}' for head in range(1, maps.shape[1]))]
    maps = F.interpolate(maps, images.shape[-2:], mode='nearest')
    # Without the heads there are two images in a row.
    pairs = 1 if heads else min(2, len(images))
    lines, width = -(-len(images) // pairs), pairs * (1 + maps.shape[1])
    figure, axes = panels(lines, width, size=(2.1 * width, 2.15 * lines + 0.6))
    with_title(figure, title)
    for place in axes.flat:
        place.set_axis_off()
    places = axes.reshape(lines * pairs, -1)
    for line, (image, image_maps) in enumerate(zip(images, maps, strict=True)):
        first = line < pairs
        show_image(places[line, 0], image, 'input' if first else '')
        for place, values, name in zip(places[line, 1:], image_maps, names, strict=True):
            show_image(place, values, name if first else '')
    return figure
