"""Count what chunks save of Masked MoCo's FLOPs (Figure 3a).

    mcl bench flops masked_moco/vit-b.py [--picture flops.png]

An image of L patches in n chunks is n sequences of T = 1 + floor(L / n) tokens. With width D and
hidden width H, a block's matrix products cost per image

    attention   2 n (4 T D^2 + 2 T^2 D)      of which 4 n T^2 D are scores and weighted sums
    block       2 n (4 T D^2 + 2 T^2 D + 2 T D H)

FLOPs. The first three columns are these relative to n = 1; the tool counts the products that the
config's own block makes, and stops if they are others. "step" is counted alone: a training step of
the whole config, forward and backward of both views, projectors, predictor and target included. The
similarities, whose number depends on the batch of all processes, are left out. Each chunk also has
a class token, and a row in the heads: small images pay more for these than attention saves. Nothing
is computed (the model has no memory behind it), so any size takes seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ...utils.places import find_config
from ..arguments import at_least, parser_for
from ..common import read_config

COLUMNS = ('scores', 'attention', 'block', 'step')
BATCH = 8  # images of the counted training step; the ratio does not depend on it


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = parser_for(__doc__)
    parser.add_argument('config', help='pre-training config with model.num_chunks')
    parser.add_argument(
        '--chunks', nargs='+', type=at_least(1), default=list(range(1, 11)), metavar='N'
    )
    parser.add_argument('--picture', type=Path, help='also draw the table here, as PNG')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and draw it if asked to."""
    args = parse_args(argv)
    MMLogger.get_instance('benchmark', log_level='ERROR')
    rows = relative_flops(args.config, args.chunks)
    print('FLOPs relative to n = 1')
    print(f'{"n":>3}' + ''.join(f'{column:>12}' for column in COLUMNS))
    for n in args.chunks:
        print(f'{n:3}' + ''.join(f'{rows[n][column]:12.3f}' for column in COLUMNS))
    if args.picture:
        draw(rows, args.picture, find_config(args.config))
        print(f'picture: {args.picture}')


def relative_flops(
    config: str | Path, chunks: Sequence[int] = tuple(range(1, 11))
) -> dict[int, dict[str, float]]:
    """FLOPs of Masked MoCo relative to those with one chunk.

    Args:
        config: of the pre-training: a path, or a name among the package's own configs.
        chunks: numbers of chunks; 1 is always counted.

    Returns:
        For each number of chunks the ratio of each of ``COLUMNS``.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: its model has no chunks, or blocks of another kind than the closed form's.
    """
    settings = read_config(config)
    if 'num_chunks' not in settings.model:
        raise ValueError(f'The model of {config} has no num_chunks; take one of Masked MoCo.')
    flops = {n: count(settings, n) for n in sorted({1, *chunks})}
    return {
        n: {column: value / flops[1][column] for column, value in costs.items()}
        for n, costs in flops.items()
    }


def count(config: Config, num_chunks: int) -> dict[str, int]:
    """FLOPs of one image in a block, and of a training step of a few images.

    Raises:
        ValueError: a counted block that is not the closed form's; more chunks than patches.
    """
    with DefaultScope.overwrite_default_scope('mmpretrain'), torch.device('meta'):
        settings = {**config.model, 'num_chunks': num_chunks}
        model: Any = MODELS.build({**settings, 'data_preprocessor': config.data_preprocessor})
        rows, columns = model.backbone.patch_resolution
        tokens = 1 + model.partition.chunk_length(rows * columns)
        block: Any = model.backbone.layers[0]
        sequences = torch.empty(num_chunks, tokens, model.backbone.embed_dims)
        found = {
            'attention': counted(block.attn, sequences),
            'block': counted(block, sequences),
        }
        side = model.backbone.img_size[0]
        views = [torch.empty(BATCH, 3, side, side) for _ in range(2)]
        model.contrast_head = Sum()
        step = counted(train, model, views)
    hidden = block.ffn.feedforward_channels
    wanted = closed_form(model.backbone.embed_dims, hidden, num_chunks, tokens)
    for part, value in found.items():
        if value != wanted[part]:
            raise ValueError(
                f'{part}: {value} FLOPs were counted and the closed form gives {wanted[part]} for '
                f'n = {num_chunks}; the blocks are not those of a plain ViT.'
            )
    return {**wanted, 'step': step}


def train(model: Any, views: list[Tensor]) -> None:
    """Forward and backward of a batch."""
    model.loss(views)['loss'].backward()


class Sum(nn.Module):
    """A head that costs nothing, with a gradient for all predictions."""

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """(N, n, C) and (N, C) -> a loss."""
        return {'loss': query.sum() + key.sum()}


def counted(function: Callable, *inputs: Any) -> int:
    """FLOPs of the matrix products and convolutions that a call makes, backward included."""
    # Without a fused kernel, whose products would not be seen one by one.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function(*inputs)
    return counter.get_total_flops()


def closed_form(width: int, hidden: int, num_chunks: int, tokens: int) -> dict[str, int]:
    """FLOPs of a block for one image: of its scores and sums, its attention, and all of it."""
    scores = 4 * num_chunks * tokens**2 * width
    attention = 8 * num_chunks * tokens * width**2 + scores
    return {
        'scores': scores,
        'attention': attention,
        'block': attention + 4 * num_chunks * tokens * width * hidden,
    }


def draw(rows: dict[int, dict[str, float]], path: Path, config: Path) -> None:
    """A line for each column over the number of chunks."""
    names = {
        'scores': 'scores and weighted sums',
        'attention': 'attention with projections',
        'block': 'block',
        'step': 'training step, heads and target included',
    }
    figure = Figure(figsize=(8, 5), layout='constrained')
    axes = figure.subplots()
    chunks = list(rows)
    for column, marker in zip(COLUMNS, 'vso^', strict=True):
        values = [rows[n][column] for n in chunks]
        axes.plot(chunks, values, marker=marker, linewidth=2, label=names[column])
    axes.axhline(1, color='black', linestyle='--', linewidth=1)
    highest = max(max(row.values()) for row in rows.values())
    axes.set(
        title=f'FLOPs relative to one chunk: {config.parent.name}/{config.name}',
        xlabel='chunks n of an image',
        ylim=(0, 1.1 * highest),
        xticks=chunks,
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc='center right')
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(path, dpi=110)
