"""Count the work of a training step, without a GPU and without computing anything.

    mcl bench count CONFIG [--batch-size 64] [--cfg-options k=v ...]
    mcl bench count CONFIG --batch-size 2 --against-released CHECKOUT

A step is the complete work of training on a batch of uint8 images on the device: preprocessing,
forward and backward pass, clipping, optimizer, EMA, notes for the log; with accumulated gradients
(optim_wrapper.accumulative_counts) that of all batches up to the step of the optimizer. It is run
at its full size on tensors that have a shape but no content, so it takes seconds on any machine,
and its counts are the same on all of them: they show that a change makes a step slower where clocks
are noisy.

- GFLOP: floating point operations of matrix products, convolutions and attention.
- operations: what PyTorch dispatches; an operation on a list of tensors (foreach) counts once.
- saved: megabytes of tensors that the forward pass of a batch keeps for its backward pass, without
  weights.
- host syncs: places where the host waits for the device, with their lines.

Attention with a bias that is trained is counted as the kernel that a GPU has for it.

--against-released counts the step of the method's released code too. It is computed, on this
machine, because the shapes of its tensors depend on their content; so choose a small batch.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import torch
from mmengine.logging import MMLogger
from mmengine.model import BaseAveragedModel
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.optim import Adam
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from ...algorithms import PretrainingMethod
from ...layers.fused_bias import align_rows
from ...targets.frozen_teacher import FrozenTeacher
from ..parsers.benchmark import count as parse_args
from .checkouts import ReleasedStep
from .step import Step, read_variant
from .timed import TimedStep

aten = torch.ops.aten


@dataclass
class Counts:
    """What a training step does.

    Attributes:
        gflop: floating point operations in billions.
        operations: number of operations by name.
        saved: megabytes (10^6 bytes) of activations that are kept for the backward pass of a batch.
        syncs: for each place in the code at which the host waits for the device, how often.
        images: of the step.
    """

    gflop: float = 0.0
    operations: Counter[str] = field(default_factory=Counter)
    saved: float = 0.0
    syncs: Counter[str] = field(default_factory=Counter)
    images: int = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Count the step of the command line and print the counts."""
    MMLogger.get_instance('benchmark', log_level='ERROR')
    arguments = vars(parse_args(argv))
    checkout = arguments.pop('against_released')
    counts = count_step(**arguments)
    print(f'{counts.gflop:12.1f} GFLOP for {counts.images} images')
    often = ', '.join(f'{name} {n}' for name, n in counts.operations.most_common(6))
    print(f'{counts.operations.total():12,} operations, most often {often}')
    print(f'{counts.saved:12.1f} MB saved for the backward pass')
    print(f'{counts.syncs.total():12} host syncs')
    for place, times in counts.syncs.most_common():
        print(f'{times:16} x {place}')
    if checkout:
        released = count_released(checkout, **arguments)
        scale = released.images / counts.images  # the released step accumulates nothing
        gflop = scale * counts.gflop / released.gflop
        operations = scale * counts.operations.total() / released.operations.total()
        print(
            f'released: {released.gflop:.1f} GFLOP for {released.images} images, '
            f'{released.operations.total():,} operations, {released.saved:.1f} MB saved\n'
            f'config / released, per image: {gflop:.2f} GFLOP, {operations:.2f} operations, '
            f'{counts.saved / released.saved:.2f} MB saved'
        )


def count_step(
    config: str | Path, batch_size: int = 64, cfg_options: dict[str, Any] | None = None
) -> Counts:
    """Count the work of the second training step; in the first, the optimizer makes its state.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        batch_size: images of a batch.
        cfg_options: options of the config to override, by dotted name.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config is not of a pre-training method of this package, or an option would
        be ignored.
    """
    step = Step(read_variant(config, cfg_options), batch_size, torch.device('cpu'))
    if not isinstance(step.model, PretrainingMethod):
        raise ValueError(
            f'{config} is of {type(step.model).__name__}, which is not a method of this package; '
            'only those are counted.'
        )
    return count_work(step)


def count_work(step: Step) -> Counts:
    """Count the work of a step, whose tensors lose their content.

    Args:
        step: of a method of this package; it cannot be used afterwards.
    """
    mode = FakeTensorMode()
    remove_content(step, mode)
    with mode, fused_attention():
        return count(step, step.model)


def count_released(
    checkout: str | Path,
    config: str | Path,
    batch_size: int = 2,
    cfg_options: dict[str, Any] | None = None,
) -> Counts:
    """Count the work of the second training step of the method's released code, without syncs.

    Args:
        checkout: folder with the code.
        config: config of this package, for the method and its size.
        batch_size: images of a step, which is computed on the CPU.
        cfg_options: options of the config to override, by dotted name.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the folder has no released code of the method.
    """
    config = read_variant(config, cfg_options)
    step = ReleasedStep(checkout, config, batch_size, torch.device('cpu'))
    counts = count(step, step.model)
    counts.syncs.clear()  # the host cannot be told from the device here
    return counts


def count(step: TimedStep, model: nn.Module) -> Counts:
    """Count the work of a step whose optimizer has no state yet.

    Args:
        step: the step.
        model: what it trains.
    """
    with Operations():
        step.train()
    counter = Operations()
    with counter:
        step.train()
    saved = _Saved(model)
    # In a step of its own, because the hooks add operations.
    with (
        flop_counter() as flops,
        Operations(),
        saved_tensors_hooks(saved.keep, lambda tensor: tensor),
    ):
        step.train()
    counts = counter.counts
    counts.images, counts.gflop = step.images, flops.get_total_flops() / 1e9
    counts.saved = saved.megabytes() / step.batches  # of which one is kept at a time
    return counts


def flop_counter() -> FlopCounterMode:
    """Return PyTorch's counter, which also counts the attention of a CPU, as that of a GPU."""

    def forward(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(query, key, value)

    def backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return sdpa_backward_flop_count(gradient, query, key, value)

    formulas = {
        aten._scaled_dot_product_flash_attention_for_cpu: forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: backward,
    }
    return FlopCounterMode(display=False, custom_mapping=formulas)


@contextmanager
def fused_attention() -> Iterator[None]:
    """Let attention with a trained bias be the operation that a GPU has for it.

    On a CPU PyTorch computes it step by step, with all of its maps.
    """
    attend = functional.scaled_dot_product_attention

    def fused(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **options: Any
    ) -> Tensor:
        if attn_mask is None or not (torch.is_grad_enabled() and attn_mask.requires_grad):
            return attend(query, key, value, attn_mask, **options)
        # As PyTorch prepares a bias for the kernel.
        bias = align_rows(attn_mask).expand(*query.shape[:-1], attn_mask.shape[-1])
        return aten._scaled_dot_product_efficient_attention(
            query, key, value, bias, True, options.get('dropout_p', 0.0), scale=options.get('scale')
        )[0]

    with mock.patch.object(functional, 'scaled_dot_product_attention', fused):
        yield


def remove_content(step: Step, mode: FakeTensorMode) -> None:
    """Replace the tensors of a step by ones without content, and choose a GPU's optimizer loops."""
    fakes: dict[Tensor, Tensor] = {}  # a tensor that two modules share stays one

    def fake(tensor: Tensor) -> Tensor:
        if tensor not in fakes:
            empty: Tensor = mode.from_tensor(tensor.detach())
            if isinstance(tensor, nn.Parameter):
                empty = nn.Parameter(empty, requires_grad=tensor.requires_grad)
            fakes[tensor] = empty
        return fakes[tensor]

    modules = list(step.model.modules())
    for teacher in [module for module in modules if isinstance(module, FrozenTeacher)]:
        modules += teacher.encoder.modules()  # which is not among the model's modules
    for module in modules:
        tables: Any = (module._parameters, module._buffers)
        for owned in tables:
            owned.update({name: fake(t) for name, t in owned.items() if t is not None})
        if isinstance(module, BaseAveragedModel):  # MMEngine's, which has a second list of them
            averaged = module.avg_parameters
            averaged.update({name: fake(tensor) for name, tensor in averaged.items()})
    step.batch['inputs'] = fake(step.batch['inputs'])
    step.build_optimizer()
    for group in step.wrapper.optimizer.param_groups:
        adam = isinstance(step.wrapper.optimizer, Adam)
        group['fused' if adam and not group['foreach'] else 'foreach'] = True
    if step.wrapper.clip_grad_kwargs:
        step.wrapper.clip_grad_kwargs['foreach'] = True


class Operations(TorchDispatchMode):
    """Counts operations, and finds those for which the host would wait for a GPU."""

    # Each with the value that is made up for it. Operations whose shape depends on the content of a
    # tensor, such as nonzero, wait too; without content PyTorch raises an error that names them.
    waiting: ClassVar[dict] = {aten._local_scalar_dense: 1, aten.equal: True}

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count an operation and run it; a value that is asked for is made up."""
        kwargs = kwargs or {}
        if func.namespace == 'prim':  # a question about a tensor, such as its device
            return func(*args, **kwargs)
        self.counts.operations[func.overloadpacket.__name__] += 1
        # Tensors with a constant are made from a number on the host, as the steps of Adam.
        if (
            func.overloadpacket in self.waiting
            and isinstance(args[0], FakeTensor)
            and args[0].constant is None
        ):
            self.counts.syncs[_place()] += 1
            return self.waiting[func.overloadpacket]
        return func(*args, **kwargs)


def _place() -> str:
    """Return file and line of the innermost call that is not within PyTorch."""
    torch_folder = str(Path(torch.__file__).parent)
    calls = [
        call
        for call in traceback.extract_stack()
        if not call.filename.startswith(torch_folder) and call.filename != __file__
    ]
    file = Path(calls[-1].filename)
    return f'{"/".join(file.parts[-3:])}:{calls[-1].lineno}  {calls[-1].line}'


class _Saved:
    """The storages that the forward pass keeps, each once, without the model's own."""

    def __init__(self, model: nn.Module) -> None:
        own = [*model.parameters(), *model.buffers()]
        storages = [tensor.untyped_storage() for tensor in own]
        # Alive too: a code may give a parameter another storage in the step.
        self.own = {storage._cdata: storage for storage in storages}
        self.kept: dict[int, Tensor] = {}

    def keep(self, tensor: Tensor) -> Tensor:
        key = tensor.untyped_storage()._cdata
        if key not in self.own:
            self.kept[key] = tensor  # alive, so that no other storage gets its number
        return tensor

    def megabytes(self) -> float:
        return sum(tensor.untyped_storage().nbytes() for tensor in self.kept.values()) / 1e6
