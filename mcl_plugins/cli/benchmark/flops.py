"""Count the FLOPs that chunks save in Masked MoCo (Figure 3a).

    mcl bench flops masked_moco/vit-b.py [--picture flops.png]

An image of L patches in n chunks is n sequences of T = 1 + floor(L / n) tokens. With width D and
hidden width H, a block's matrix products cost per image

    attention   2 n (4 T D^2 + 2 T^2 D)      of which 4 n T^2 D are scores and weighted sums
    block       2 n (4 T D^2 + 2 T^2 D + 2 T D H)

FLOPs. The first three columns are these numbers relative to n = 1. The command also counts the
products of the config's own block and stops if they differ. "step" is only counted: a training step
of the complete config, with forward and backward of both views, projectors, predictor and target.
It does not include the similarities, whose number depends on the batch of all processes. Each chunk
also has a class token and a vector in the heads; for small images these cost more than attention
saves. The model is on the meta device and computes nothing, so every size takes seconds.
"""

from __future__ import annotations

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
from ..common import read_config
from ..parsers.benchmark import flops as parse_args

COLUMNS = ('scores', 'attention', 'block', 'step')
BATCH = 8  # images of the counted training step; the ratio does not depend on it


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, and draw it if --picture is given."""
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
    """Count the FLOPs of Masked MoCo relative to those with one chunk.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        chunks: numbers of chunks; 1 is always counted.

    Returns:
        For each number of chunks the ratio of each of ``COLUMNS``.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the model has no chunks, or its blocks do not agree with the closed form.
    """
    cfg = read_config(config)
    if 'num_chunks' not in cfg.model:
        raise ValueError(f'The model of {config} has no num_chunks; use a config of Masked MoCo.')
    flops = {n: count(cfg, n) for n in sorted({1, *chunks})}
    return {
        n: {column: value / flops[1][column] for column, value in costs.items()}
        for n, costs in flops.items()
    }


def count(config: Config, num_chunks: int) -> dict[str, int]:
    """Count the FLOPs of one image in a block, and of a training step of a few images.

    Raises:
        ValueError: the block does not agree with the closed form, or there are more chunks than
            patches.
    """
    with DefaultScope.overwrite_default_scope('mmpretrain'), torch.device('meta'):
        model_cfg = {**config.model, 'num_chunks': num_chunks}
        model: Any = MODELS.build({**model_cfg, 'data_preprocessor': config.data_preprocessor})
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
    """Run forward and backward of a batch."""
    model.loss(views)['loss'].backward()


class Sum(nn.Module):
    """Head without FLOPs that gives all predictions a gradient."""

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Return a loss for queries (N, n, C) and keys (N, C)."""
        return {'loss': query.sum() + key.sum()}


def counted(function: Callable, *inputs: Any) -> int:
    """Count the FLOPs of a call's matrix products and convolutions, including the backward pass."""
    # Without fused kernels, whose products are not counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function(*inputs)
    return counter.get_total_flops()


def closed_form(width: int, hidden: int, num_chunks: int, tokens: int) -> dict[str, int]:
    """Compute a block's FLOPs for one image: scores and sums, attention, and the complete block."""
    scores = 4 * num_chunks * tokens**2 * width
    attention = 8 * num_chunks * tokens * width**2 + scores
    return {
        'scores': scores,
        'attention': attention,
        'block': attention + 4 * num_chunks * tokens * width * hidden,
    }


def draw(rows: dict[int, dict[str, float]], path: Path, config: Path) -> None:
    """Draw each column over the number of chunks."""
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
        xlabel='chunks n per image',
        ylim=(0, 1.1 * highest),
        xticks=chunks,
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc='center right')
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(path, dpi=110)
