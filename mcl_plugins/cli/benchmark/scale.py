"""Compute what a training on many GPUs takes: loader cores, network, checkpoints.

    mcl bench scale CONFIG [CONFIG ...] [--processes 32] [--batch-size 64] [--images 1281167]

For each config it prints a column of a table in Markdown. Counted, from the config's own step on
tensors without content, as one of so many processes: parameters, FLOPs, and the bytes of every
collective. Computed from these: times, sizes, and the bytes that a process sends, as rings send
them (with W processes an all-gather W - 1 times a process's part, an all-reduce 2 (W - 1) / W times
the tensor). Assumed, and printed under the tables: what the options say of GPU, network and
storage. Nothing is measured.

- gradients: DDP's all-reduce of all gradients in float32. With sharding=True the weights of a block
  are gathered for each call and again for its backward pass, those of an EMA for each call, and the
  rest of the model once; all gradients are scattered once.
- checkpoints: weights, EMA, buffers and two moments in float32. The interval is Young's,
  sqrt(2 write time x time between failures); what it costs is the time to write and what is
  computed twice.
- list and sampler: what each process holds of the data set, MMEngine's record of each image and
  DefaultSampler's list of indices.
"""

from __future__ import annotations

import math
import pickle
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MMLogger
from torch import distributed as dist
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode

from ...engine.compiled import BLOCKS
from .. import markdown
from ..parsers.benchmark import scale as parse_args
from ..preflight.steps import size_in_bytes
from .count import flop_counter, fused_attention, remove_content
from .step import Step, read_variant

GPUS = 8  # of a machine
FLOAT = 4  # bytes of a float32
RECORD = {'img_path': 'data/imagenet/train/n01440764/n01440764_10026.JPEG', 'gt_label': 0}
FEATURE_WIDTH = 768  # of ViT-B


@dataclass(frozen=True)
class Setup:
    """Where a training runs, and what is assumed of it.

    Attributes:
        processes: number of GPUs.
        batch_size: images of a process.
        images: of the data set.
        tflops: of a GPU in bfloat16, in 10^12 operations per second.
        mfu: share of these that a step reaches.
        loader: images per second that a core loads.
        network: GB per second that a GPU sends.
        storage: GB per second at which a checkpoint is written.
        failures: GPU hours between two failures.
        files: files per second that are listed.
        epochs: of the training; None for those of the config.
    """

    processes: int
    batch_size: int
    images: int
    tflops: float
    mfu: float
    loader: float
    network: float
    storage: float
    failures: float
    files: float
    epochs: int | None = None


@dataclass(frozen=True)
class Work:
    """What is counted of a config: a step of one process, and its checkpoint.

    Attributes:
        trained: parameters that are trained.
        flop: of an image.
        batches: of a step, whose gradients are accumulated.
        keys: bytes of keys that a process sends in a step.
        statistics: bytes of BatchNorm's sums that a process sends in a step.
        sharded: bytes of the tensors that are gathered or scattered with ``sharding=True``.
        collectives: their number in a step, without those of the gradients.
        checkpoint: bytes.
        epochs: of the config.
    """

    trained: int
    flop: float
    batches: int
    keys: float
    statistics: float
    sharded: int
    collectives: int
    checkpoint: int
    epochs: int


class Traffic(TorchDispatchMode):
    """Counts the bytes that a process sends in collectives, as rings send them."""

    def __init__(self, processes: int) -> None:
        super().__init__()
        self.processes = processes
        self.sent: dict[str, float] = defaultdict(float)
        self.calls = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count a collective; run every operation."""
        if func.namespace == 'c10d':
            name = func.overloadpacket.__name__
            others = self.processes - 1
            if name == '_allgather_base_':  # output, input
                self._note('gather', others * size_in_bytes(args[1]))
            elif name == '_reduce_scatter_base_':
                self._note('gather', others * size_in_bytes(args[0]))
            elif name == 'allreduce_':
                self._note('reduce', 2 * others / self.processes * size_in_bytes(list(args[0])))
            else:
                raise ValueError(f'The step calls the collective {name}, which is not counted.')
        return func(*args, **(kwargs or {}))

    def _note(self, kind: str, size: float) -> None:
        self.sent[kind] += size
        self.calls += 1


@contextmanager
def pretended_processes(number: int) -> Iterator[None]:
    """Let this process be the first of so many, whose collectives do nothing."""
    dist.init_process_group('fake', rank=0, world_size=number, store=FakeStore())
    try:
        yield
    finally:
        dist.destroy_process_group()


def count_work(config: str | Path, processes: int, batch_size: int) -> Work:
    """Count the work of one of many processes.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        processes: their number.
        batch_size: images of a process.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config is not of a pre-training, or its method does not train with so many
            images, as MimCo and MoBY with more than their queue holds.
    """
    cfg = read_variant(config, None)
    step = Step(cfg, batch_size, torch.device('cpu'))
    model = step.model
    trained = sum(part.numel() for part in model.parameters() if part.requires_grad)
    checkpoint = size_in_bytes(model.state_dict()) + 2 * FLOAT * trained
    mode = FakeTensorMode()
    remove_content(step, mode)
    with (
        pretended_processes(processes),
        mode,
        fused_attention(),
        flop_counter() as flops,
        Traffic(processes) as traffic,
        divided_weights(model) as sharded,
    ):
        step.train()
    return Work(
        trained=trained,
        flop=flops.get_total_flops() / step.images,
        batches=step.batches,
        keys=traffic.sent['gather'],
        statistics=traffic.sent['reduce'],
        sharded=sum(sharded),
        collectives=traffic.calls,
        checkpoint=checkpoint,
        epochs=cfg.train_cfg.max_epochs,
    )


@contextmanager
def divided_weights(model: nn.Module) -> Iterator[list[int]]:
    """Note the bytes of weights and gradients that ``sharding=True`` gathers and scatters."""
    blocks = [module for module in model.modules() if isinstance(module, BLOCKS)]
    inside = {id(weight) for block in blocks for weight in block.parameters()}
    weights = list(model.parameters())
    noted = [size_in_bytes(weight) for weight in weights if weight.requires_grad]  # scattered
    noted += [size_in_bytes(weight) for weight in weights if id(weight) not in inside]
    ahead = [0]

    def note(block: nn.Module, *_: Any) -> None:
        own = list(block.parameters())
        trains = torch.is_grad_enabled() and any(weight.requires_grad for weight in own)
        noted.append(size_in_bytes(own) * (2 if trains else 1))
        # For the backward pass PyTorch gathers the last block first, also one without gradients.
        ahead[0] = 0 if trains else size_in_bytes(own)

    handles = [block.register_forward_hook(note) for block in blocks]
    try:
        yield noted
    finally:
        noted.extend(ahead)
        for handle in handles:
            handle.remove()


def describe(work: Work, setup: Setup) -> dict[str, str]:
    """Compute the column of a config from its work; each value in words by the name of its row."""
    rate = setup.mfu * setup.tflops * 1e12 / work.flop  # images/s of a GPU
    seconds = work.batches * setup.batch_size / rate
    share = (setup.processes - 1) / setup.processes
    gradients = 2 * share * FLOAT * work.trained
    epochs = setup.epochs or work.epochs
    sent = gradients + work.keys + work.statistics
    hours = epochs * setup.images / rate / 3600
    write = work.checkpoint / setup.storage / 1e9
    between = 3600 * setup.failures / setup.processes
    interval = math.sqrt(2 * write * between)
    return {
        'parameters that are trained, millions': f'{work.trained / 1e6:.1f}',
        'GFLOP for an image': f'{work.flop / 1e9:.1f}',
        'images/s of a GPU': f'{rate:,.0f}',
        'time of a step, ms': f'{1e3 * seconds:.1f}',
        'loader cores for a GPU': f'{rate / setup.loader:.1f}',
        f'loader cores for a machine of {GPUS} GPUs': f'{GPUS * rate / setup.loader:.0f}',
        'sent by a GPU in a step: gradients, MB': f'{gradients / 1e6:.1f}',
        '... with sharding=True, MB': f'{share * work.sharded / 1e6:.1f}',
        '... keys, MB': f'{work.keys / 1e6:.2f}',
        '... sums of BatchNorm, MB': f'{work.statistics / 1e6:.2f}',
        'collectives for keys and BatchNorm': f'{work.collectives}',
        'time of sending (DDP), ms': f'{1e3 * sent / setup.network / 1e9:.1f}',
        'checkpoint, GB': f'{work.checkpoint / 1e9:.2f}',
        'time between failures, hours': f'{between / 3600:,.1f}',
        'interval of checkpoints, minutes': f'{interval / 60:.1f}',
        'which costs of the time': f'{100 * (write / interval + interval / 2 / between):.2f} %',
        'epochs': f'{epochs}',
        'GPU hours': f'{hours:,.0f}',
        'days': f'{hours / setup.processes / 24:,.2f}',
    }


def describe_data(setup: Setup) -> dict[str, str]:
    """Compute what each process holds of the data set, in words by the name of its row."""
    record = len(pickle.dumps(RECORD, protocol=4)) + 8  # and its place, as BaseDataset has it
    index = sys.getsizeof(setup.images) + 8  # a number and its place in the list
    features = setup.images * FEATURE_WIDTH * FLOAT
    return {
        'listing, minutes': f'{setup.images / setup.files / 60:,.1f}',
        'list of a process, GB': f'{setup.images * record / 1e9:,.2f}',
        'indices of a process (DefaultSampler), GB': f'{setup.images * index / 1e9:,.2f}',
        f'features of k-NN ({FEATURE_WIDTH} wide) of a process, bytes': f'{features:,}',
    }


def table(configs: Sequence[str], setup: Setup) -> str:
    """Return the two tables of a set-up and its assumptions in Markdown."""
    works = [count_work(config, setup.processes, setup.batch_size) for config in configs]
    columns = [describe(work, setup) for work in works]
    lines = [
        markdown.table(
            [f'{setup.processes:,} GPUs x {setup.batch_size} images', *configs],
            [(row, *(column[row] for column in columns)) for row in columns[0]],
        ),
        '',
        markdown.table([f'{setup.images:,} images', ''], describe_data(setup).items()),
        '',
        f'Assumed: {setup.tflops:g} TFLOP/s of a GPU at an MFU of {setup.mfu:g}; '
        f'{setup.loader:g} images/s of a core; {setup.network:g} GB/s sent by a GPU;',
        f'{setup.storage:g} GB/s to write; a failure in {setup.failures:,.0f} GPU hours; '
        f'{setup.files:,.0f} files/s listed.',
    ]
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables of the command line."""
    MMLogger.get_instance('benchmark', log_level='ERROR')
    options = vars(parse_args(argv))
    print(table(options.pop('configs'), Setup(**options)))
