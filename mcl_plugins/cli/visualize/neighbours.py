"""Draw the images that an encoder in pre-training takes for most similar to a few others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ...evaluation.features import pool_tokens
from ...utils.similarity import l2_normalize
from ..common import read_config
from ..decoder import decoder_of
from .pictures import (
    build_pretraining,
    image_side,
    name_of,
    panels,
    read_images,
    show_image,
    to_rgb,
    with_title,
)

BATCH = 32
BLUE = '#1f6fd1'


def draw_neighbours(
    config: str | Path,
    checkpoint: str | Path,
    images: Sequence[Path],
    count: int = 96,
    queries: int = 4,
    neighbours: int = 6,
) -> Figure:
    """Draw a few images, and beside each those of the others whose features are most similar.

    Features are the means of the student's patches; the cosine is written above.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        checkpoint: checkpoint of the pre-training.
        images: image files, or folders to choose images from.
        count: number of images that are compared.
        queries: number of those whose neighbours are drawn.
        neighbours: number of neighbours of each.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: there are too few images, or the checkpoint does not fit the config.
    """
    cfg = read_config(config)
    model, epoch = build_pretraining(cfg, checkpoint)
    pixels = read_images(images, count, image_side(model), decoder_of(cfg.train_dataloader))
    if len(pixels) <= neighbours:
        raise ValueError(f'{len(pixels)} images are too few for {neighbours} neighbours of each.')
    seen, features = encode(model, pixels)
    chosen = torch.linspace(0, len(pixels) - 1, min(queries, len(pixels))).round().long()
    similarity = features[chosen] @ features.T
    similarity.scatter_(1, chosen[:, None], torch.inf)  # the query is first, also among copies
    cosines, rows = similarity.topk(neighbours + 1, dim=1)
    title = f'{type(model).__name__}: nearest of {len(pixels)} images, {name_of(checkpoint, epoch)}'
    return draw(seen, rows, cosines, title)


@torch.no_grad()
def encode(model: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Encode images (N, 3, S, S) uint8 RGB as in an evaluation.

    Returns:
        The images as the encoder gets them, (N, 3, S, S) in [0, 1], and their features (N, D).
    """
    preprocessor, encoder = model.data_preprocessor, model.backbone
    seen, features = [], []
    for batch in images.split(BATCH):
        files = batch.flip(1) if preprocessor.bgr_to_rgb else batch  # files are decoded as BGR
        view = preprocessor({'inputs': files}, training=False)['inputs']
        (output,) = encoder(view)
        extra = getattr(encoder, 'num_extra_tokens', 0)
        features.append(l2_normalize(pool_tokens(output, 'mean', extra)).cpu())
        seen.append(to_rgb(model, view))
    return torch.cat(seen), torch.cat(features)


def draw(images: Tensor, rows: Tensor, cosines: Tensor, title: str) -> Figure:
    """Draw one line for each query, which comes first, in a blue frame.

    Args:
        images: (N, 3, S, S) in [0, 1].
        rows: (queries, 1 + neighbours), numbers of images.
        cosines: of the same shape.
        title: of the picture.
    """
    lines, width = rows.shape
    figure, axes = panels(lines, width, size=(1.5 * width, 1.75 * lines + 0.6))
    with_title(figure, f'{title}\nblue: the query; above the others, the cosine')
    for line, found, values in zip(axes, rows.tolist(), cosines.tolist(), strict=True):
        for place, index, value in zip(line, found, values, strict=True):
            query = place is line[0]
            show_image(place, images[index], 'query' if query else f'{value:.2f}')
            if query:
                frame = Rectangle((0, 0), 1, 1, transform=place.transAxes, fill=False)
                frame.set(edgecolor=BLUE, linewidth=3)
                place.add_patch(frame)
    return figure
