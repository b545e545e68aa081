"""Compute what the pre-trainings cost: GPU hours and memory, from counts, without a GPU.

    mcl bench cost [CONFIG ...]
    mcl bench cost --page docs/performance.md --heads     # all main configs: page and files

A step of a config is counted at its own batch size, see ``mcl bench count``.

- H100 hours: the floating point operations of the training at 40 % of the card's peak of 989.5
  TFLOP a second in bfloat16. The share is an assumption.
- GiB: weights, gradients, the optimizer's state, and what the forward pass keeps under bfloat16.
  CUDA's own memory, and what a single operation needs for itself, come on top.

--heads writes the command and the cost into the heads of the configs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import nn

from ...targets.frozen_teacher import FrozenTeacher
from ...utils.places import find_config, home
from ...utils.writing import write_text
from .. import markdown
from ..parsers.benchmark import cost as parse_args
from ..preflight.plan import papers_batch
from ..reproduce.forecast import count_images
from .count import count_work
from .on_gpu.cards import CARD, MFU, PEAKS
from .sections import write_section
from .step import Step, read_variant

HEADING = '## Cost of a training'
_MAIN = re.compile(r'(conv-vit|vit|deit|swin)-[stbl]')  # names of the papers' main configs
_HEAD = ('# Train: ', '# Cost: ')


@dataclass(frozen=True)
class Cost:
    """What a training costs.

    Attributes:
        config: name of the config, ``'conmim/vit-b.py'``.
        images: that the training sees, each as often as it does.
        gflop: 10^9 floating point operations for an image, backward pass included.
        batch: images of a batch on a GPU.
        gpus: for the batch of the paper.
        gib: memory of a GPU.
    """

    config: str
    images: int
    gflop: float
    batch: int
    gpus: int
    gib: float

    @property
    def hours(self) -> float:
        """Hours of all GPUs together."""
        return hours(self.images, self.gflop)

    def head(self) -> list[str]:
        """Return the lines of the config's head."""
        return [
            f'{_HEAD[0]}tools/dist_train.sh configs/{self.config} {self.gpus}',
            f'{_HEAD[1]}{self.hours:,.0f} {CARD} hours at {MFU:.0%} MFU, {self.gib:.0f} GiB a GPU '
            '(computed, mcl bench cost).',
        ]

    def row(self) -> str:
        """Return the row of the table."""
        cells = (
            self.config,
            f'{self.images / 1e6:,.0f}',
            f'{self.gflop:.1f}',
            f'{self.hours:,.0f}',
            f'{self.gpus} x {self.batch}',
            f'{self.gib:.0f}',
        )
        return markdown.row(cells)


def hours(images: int, gflop: float) -> float:
    """Return the hours of a card for so many images.

    Example:
        >>> round(hours(989_500_000, gflop=144.0))  # at 40 % of 989.5 TFLOP a second
        100
    """
    return images * gflop / (1000 * PEAKS[CARD] * MFU) / 3600


def main(argv: Sequence[str] | None = None) -> None:
    """Print the costs of the configs of the command line, and write page and heads."""
    args = parse_args(argv)
    MMLogger.get_instance('benchmark', log_level='ERROR')
    costs = []
    print(markdown.head(COLUMNS))
    for config in args.configs or main_configs():
        costs.append(compute_cost(config))
        print(costs[-1].row(), flush=True)
    if args.heads:
        for cost in costs:
            write_head(find_config(cost.config), cost.head())
    if args.page:
        write_section(args.page, make_section(costs))


def main_configs() -> list[str]:
    """Return the names of the papers' main configs: one for each method and encoder."""
    folder = home() / 'configs'
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.glob('*/*.py'))
        if _MAIN.fullmatch(path.stem)
    ]


def compute_cost(config: str) -> Cost:
    """Count a step of a config and compute what its training costs.

    Args:
        config: name of a pre-training among the package's own configs.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config is not of a pre-training.
    """
    cfg = read_variant(config, {'optim_wrapper.cpu': True})  # bfloat16, as on a GPU
    batch = cfg.train_dataloader.batch_size
    step = Step(cfg, batch, torch.device('cpu'))
    held = count_bytes(step)
    counts = count_work(step)
    return Cost(
        config=config,
        images=count_images(cfg),
        gflop=counts.gflop / counts.images,
        batch=batch,
        gpus=count_gpus(cfg, batch),
        gib=(held + 1e6 * counts.saved) / 2**30,
    )


def count_gpus(config: Config, batch: int) -> int:
    """Return the number of GPUs for the paper's batch, which the metafile of a config states."""
    accumulated = config.optim_wrapper.get('accumulative_counts', 1)
    paper = papers_batch(Path(config.filename)) or config.auto_scale_lr.base_batch_size
    return max(1, round(paper / batch / accumulated))


def count_bytes(step: Step) -> int:
    """Return the bytes of weights, gradients and the state of the optimizer."""
    model: Any = step.model
    modules = [model, *(m.encoder for m in model.modules() if isinstance(m, FrozenTeacher))]
    own = {id(tensor): tensor for module in modules for tensor in _tensors(module)}
    trained = [p for group in step.wrapper.optimizer.param_groups for p in group['params']]
    states = 2 if 'betas' in step.wrapper.optimizer.defaults else 1  # moments, or a momentum
    return _size(list(own.values())) + (1 + states) * _size(trained)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]


def _size(tensors: list[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


COLUMNS = (
    'Config',
    'million images',
    'GFLOP an image',
    f'{CARD} hours',
    'GPUs x images',
    'GiB a GPU',
)


def make_section(costs: Sequence[Cost]) -> str:
    """Return the section of the page, with its heading."""
    lines = [
        HEADING,
        '',
        'Computed by `mcl bench cost --page docs/performance.md --heads`, not measured: the',
        f'operations of the training at {MFU:.0%} of the peak of an {CARD} in bfloat16, '
        f'{PEAKS[CARD]} TFLOP a second',
        '(the share is an assumption), and the memory of weights, gradients, optimizer and saved',
        'activations. The number of GPUs is that for the batch of the paper.',
        '',
        markdown.head(COLUMNS),
    ]
    return '\n'.join([*lines, *(cost.row() for cost in costs), ''])


def write_head(path: Path, lines: Sequence[str]) -> None:
    """Write command and cost below the first comment of a config, in place of earlier ones."""
    kept = [
        line for line in path.read_text(encoding='utf-8').splitlines() if not line.startswith(_HEAD)
    ]
    end = next(number for number, line in enumerate(kept) if not line.startswith('#'))
    write_text(path, '\n'.join([*kept[:end], *lines, *kept[end:], '']))
