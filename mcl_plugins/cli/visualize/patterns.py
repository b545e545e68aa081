"""Draw the patches whose features are most similar to a query (MimCo, Figure 4).

    mcl patterns CONFIG CHECKPOINT [--queries 4]
    mcl patterns CONFIG CHECKPOINT --at IMAGE ROW COLUMN [--at ...]

CONFIG is the config of a classifier, from configs/<method>/transfer/. It defines which part of
CHECKPOINT is the encoder and where the validation images are. A query is a patch of one of them,
drawn at random or given by the number of the image and the position of the patch. For each query
the 36 patches of highest cosine similarity are drawn, at most one per image, each highlighted in
the five by five patches around it, with the cosine above. The query is at the top left, in blue.
Patches with dark surroundings are skipped, as in iBOT's script.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

from ...checkpoint.files import extract_state_dict, load_file
from ...utils.places import find_config
from ..common import get_config_name, read_config
from ..evaluate.frozen import build_classifier, evaluation_loader
from ..parsers.visualize import patterns as parse_args
from .pictures import epoch_of, name_of, save, show_image, with_title

SIDE = 6  # patches along a side of a query's square
AROUND = 2  # patches on each side of the highlighted one
DARK = 40 / 255  # surroundings with a lower mean value (of HSV) are skipped
ORANGE, BLUE = '#ff8c1a', '#1f6fd1'  # of the patches that were found, and of the query


@dataclass(frozen=True)
class Place:
    """A patch of an image of the data set."""

    image: int
    row: int
    column: int


@dataclass
class Nearest:
    """The most similar patch of every image, for each of Q queries: (Q, images) each."""

    similarity: Tensor
    patch: Tensor  # in raster order


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture that the command line describes and write it to a file."""
    arguments = vars(parse_args(argv))
    out = arguments.pop('out') or Path(f'{arguments["checkpoint"]}.patterns.png')
    save(draw_patterns(**arguments), out)


def draw_patterns(
    config: str | Path,
    checkpoint: str | Path,
    queries: int = 4,
    at: Sequence[tuple[int, int, int]] | None = None,
    seed: int = 0,
    **loading: Any,
) -> Figure:
    """Draw the patches whose features are most similar to those of a few queries.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoint: checkpoint whose encoder is used.
        queries: number of random queries, at least 1.
        at: image, row and column of each query, counted from 0, instead of random ones.
        seed: random seed of the queries.
        **loading: ``work_dir``, ``cfg_options``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a query does not exist, or the checkpoint does not fit the config.
    """
    if loading.get('launcher', 'none') != 'none':
        raise ValueError('patterns runs on one process; run it without --launcher.')
    if queries < 1:
        raise ValueError(f'--queries={queries} must be at least 1.')
    encoder = PatchEncoder(config, checkpoint, **loading)
    dataset = encoder.dataset
    if at:
        places = [Place(*place) for place in at]
    else:
        places = draw_queries(dataset, encoder.grid, queries, seed)
    check_places(places, len(dataset), encoder.grid)
    nearest = search(encoder, places)
    squares = [
        bright_places(dataset, nearest.similarity[index], nearest.patch[index], encoder.grid)
        for index in range(len(places))
    ]
    title = (
        'Most similar patches of other images, with the cosine; blue: the query\n'
        f'{get_config_name(find_config(config))}, {name_of(checkpoint, epoch_of(checkpoint))}'
    )
    return draw(dataset, squares, nearest.similarity, encoder.grid, title)


class PatchEncoder:
    """Encoder of patches, with the validation images.

    Attributes:
        grid: (rows, columns) of patches.
        dataset: validation images.
        loader: data loader of the images, in order.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        cfg_options: dict[str, Any] | None = None,
        **loading: Any,
    ) -> None:
        options = {'model.neck': None, **dense_output(read_config(config), checkpoint)}
        runner, self.model, cfg = build_classifier(
            config, checkpoint, cfg_options={**options, **(cfg_options or {})}, **loading
        )
        self.loader: DataLoader = runner.build_dataloader(evaluation_loader(cfg, 'val'))
        self.dataset: Any = self.loader.dataset
        rows, columns = self.image_features(0).shape[-2:]
        self.grid = (rows, columns)

    def image_features(self, image: int) -> Tensor:
        """Encode the patches of one image into (D, rows, columns)."""
        return self.features({'inputs': self.dataset[image]['inputs'][None]})[0]

    @torch.no_grad()
    def features(self, batch: dict) -> Tensor:
        """Encode the patches of a batch into L2-normalised features (N, D, rows, columns)."""
        images = self.model.data_preprocessor(batch)['inputs']
        return F.normalize(self.model.backbone(images)[-1].float(), dim=1)


def dense_output(config: Config, checkpoint: str | Path) -> dict[str, Any]:
    """Return the options with which the encoder outputs its feature map.

    The last norm is applied if the checkpoint has it; fine-tuned networks may not.
    """
    backbone = config.model.backbone
    if 'Swin' in backbone.type:
        return {}
    prefix = (backbone.get('init_cfg') or {}).get('prefix', '')
    last_norm = f'{prefix}ln1.weight' in extract_state_dict(load_file(checkpoint))
    return {'model.backbone.out_type': 'featmap', 'model.backbone.final_norm': last_norm}


def draw_queries(dataset: BaseDataset, grid: tuple[int, int], count: int, seed: int) -> list[Place]:
    """Draw random patches of different images whose surroundings are not dark.

    Raises:
        ValueError: the data set has too few such images.
    """
    rng = np.random.default_rng(seed)
    queries: list[Place] = []
    for image in rng.permutation(len(dataset)):
        place = Place(int(image), int(rng.integers(grid[0])), int(rng.integers(grid[1])))
        if is_bright(surroundings(dataset, place, grid)):
            queries.append(place)
        if len(queries) == count:
            return queries
    raise ValueError(f'--queries={count}: only {len(queries)} images are bright enough.')


def check_places(places: list[Place], images: int, grid: tuple[int, int]) -> None:
    """Raise a ValueError for a place that does not exist."""
    for place in places:
        inside = place.image < images and place.row < grid[0] and place.column < grid[1]
        if not inside or min(place.image, place.row, place.column) < 0:
            raise ValueError(
                f'--at {place.image} {place.row} {place.column}: there are {images} images of '
                f'{grid[0]} x {grid[1]} patches, counted from 0.'
            )


def search(encoder: PatchEncoder, queries: list[Place]) -> Nearest:
    """Compare the queries with every patch of every image and keep the best patch of each image."""
    wanted = [encoder.image_features(place.image)[:, place.row, place.column] for place in queries]
    bank = torch.stack(wanted)  # (Q, D)
    best = []
    for batch in tqdm(encoder.loader, desc='validation images', leave=False):
        scores = torch.einsum('qd,ndl->qnl', bank, encoder.features(batch).flatten(2))
        best.append(scores.max(dim=-1))
    nearest = Nearest(
        torch.cat([found.values for found in best], dim=1).cpu(),
        torch.cat([found.indices for found in best], dim=1).cpu(),
    )
    for index, place in enumerate(queries):  # the query is first regardless of rounding
        nearest.similarity[index, place.image] = math.inf
        nearest.patch[index, place.image] = place.row * encoder.grid[1] + place.column
    return nearest


def bright_places(
    dataset: BaseDataset, similarity: Tensor, patch: Tensor, grid: tuple[int, int]
) -> list[Place]:
    """Return the most similar patches with surroundings that are not dark, the best first."""
    places: list[Place] = []
    for image in similarity.argsort(descending=True).tolist():
        row, column = divmod(int(patch[image]), grid[1])
        place = Place(image, row, column)
        if not places or is_bright(surroundings(dataset, place, grid)):
            places.append(place)
        if len(places) == SIDE**2:
            break
    return places


def surroundings(dataset: BaseDataset, place: Place, grid: tuple[int, int]) -> np.ndarray:
    """Return the patches around a place, shifted into the image: (S, S, 3) RGB in [0, 1]."""
    image = dataset[place.image]['inputs'].flip(0).permute(1, 2, 0).numpy() / 255
    top, left = corner(place, grid)
    height, width = image.shape[0] // grid[0], image.shape[1] // grid[1]
    span = 2 * AROUND + 1
    return image[top * height : (top + span) * height, left * width : (left + span) * width]


def corner(place: Place, grid: tuple[int, int]) -> tuple[int, int]:
    """Return row and column of the first patch of the surroundings."""
    first = (place.row - AROUND, place.column - AROUND)
    last = [max(0, size - 2 * AROUND - 1) for size in grid]
    return min(max(first[0], 0), last[0]), min(max(first[1], 0), last[1])


def is_bright(crop: np.ndarray) -> bool:
    """Whether the mean over the pixels' largest channels is above iBOT's threshold."""
    return bool(crop.max(axis=2).mean() > DARK)


def draw(
    dataset: BaseDataset,
    squares: list[list[Place]],
    similarity: Tensor,
    grid: tuple[int, int],
    title: str,
) -> Figure:
    """Draw a square of patches for each query, with their similarities (Q, images)."""
    columns = min(2, len(squares))
    lines = -(-len(squares) // columns)
    figure = Figure(figsize=(5.4 * columns, 5.6 * lines + 0.5), layout='constrained')
    with_title(figure, title)
    parts = figure.subfigures(lines, columns, squeeze=False, wspace=0.04, hspace=0.04)
    for panel, places, cosines in zip(parts.flat, squares, similarity.tolist(), strict=False):
        query = places[0]
        panel.suptitle(f'image {query.image}, patch ({query.row}, {query.column})', fontsize=11)
        axes = panel.subplots(SIDE, SIDE)
        for cell in axes.flat:
            cell.set_axis_off()
        for cell, place in zip(axes.flat, places, strict=False):
            crop = surroundings(dataset, place, grid)
            show_image(cell, crop.transpose(2, 0, 1))
            cell.set_title(
                'query' if place == query else f'{cosines[place.image]:.2f}', fontsize=7, pad=2
            )
            light_up(cell, place, grid, crop.shape, BLUE if place == query else ORANGE)
    return figure


def light_up(
    axes: Any, place: Place, grid: tuple[int, int], shape: tuple[int, ...], colour: str = ORANGE
) -> None:
    """Colour and frame the patch in its surroundings."""
    span = [min(2 * AROUND + 1, size) for size in grid]
    height, width = shape[0] / span[0], shape[1] / span[1]
    top, left = corner(place, grid)
    corner_xy = ((place.column - left) * width - 0.5, (place.row - top) * height - 0.5)
    axes.add_patch(
        Rectangle(corner_xy, width, height, facecolor=f'{colour}70', edgecolor=colour, linewidth=2)
    )
