"""The exponential moving average of a student, and the schedule of its momentum."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ..utils.sharded import local_part


@dataclass(frozen=True)
class MomentumSchedule:
    """Cosine schedule of the EMA momentum, in the papers' convention.

    With momentum m, target weights t and online weights s, a step sets t <- m t + (1 - m) s.
    (MMEngine's own EMA calls 1 - m the momentum.)

    Attributes:
        start: momentum at the first step.
        end: momentum that the schedule approaches; equal to ``start`` for a constant momentum.

    Raises:
        ValueError: ``start`` or ``end`` is outside [0, 1].

    Example:
        >>> schedule = MomentumSchedule(start=0.99, end=1.0)
        >>> schedule(0, 100), schedule(50, 100)
        (0.99, 0.995)
    """

    start: float
    end: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (('start', self.start), ('end', self.end)):
            if not 0 <= value <= 1:
                raise ValueError(
                    f'momentum {name}={value} is outside [0, 1]; it is the weight of the old '
                    'teacher in the moving average, for example 0.996.'
                )

    def __call__(self, step: int, total: int) -> float:
        """Return the momentum at ``step``, counted from 0, of ``total`` steps.

        After the last step it is ``end``: MMEngine's Runner makes more steps if it resumes within
        an epoch, because it then repeats the epoch.
        """
        progress = min(step / total, 1.0)
        return self.end - (self.end - self.start) * (1 + math.cos(math.pi * progress)) / 2


class EMA(nn.Module):
    """Copies of modules whose weights are exponential moving averages of the modules' weights.

    Only parameters are averaged. Buffers belong to the copy: its BatchNorms in train mode track the
    statistics of the images that the copy encodes. The copies have the names of their sources. For
    example, every method calls its EMA ``ema``; the averaged ``backbone`` is then
    ``model.ema.backbone``, and its weights are saved under ``ema.backbone.`` in a checkpoint. A
    submodule that is not needed may be removed from a copy, such as the final norm of CMAE's
    target; the other parameters are still averaged.

    The EMA of a model is updated after each step of its optimizer, see :mod:`.following`.

    Args:
        momentum: arguments of :class:`MomentumSchedule`.
        **sources: the modules to copy and to average, by name.

    Attributes:
        schedule: the momentum as a function of step and number of steps.

    Example:
        >>> norm = nn.LayerNorm(1)  # its weight starts at 1
        >>> ema = EMA(dict(start=0.75), norm=norm)
        >>> _ = nn.init.constant_(norm.weight, 5.0)  # stands for a step of the optimizer
        >>> ema.update(ema.schedule(step=0, total=100))
        >>> ema.norm.weight.item()  # 0.75 x 1 + 0.25 x 5
        2.0
    """

    backbone: Any  # usual names of the copies, declared for type checkers
    neck: Any
    projector: Any
    class_attention: Any

    def __init__(self, momentum: dict, **sources: nn.Module) -> None:
        super().__init__()
        self.schedule = MomentumSchedule(**momentum)
        for name, module in sources.items():
            self.add_module(name, copy.deepcopy(module).requires_grad_(False))
        # The tuple keeps nn.Module from registering the sources a second time.
        self._sources = tuple(sources.values())

    def init_weights(self) -> None:
        """Copy the weights of the sources; MMEngine calls this after it initialised them."""
        with torch.no_grad():
            for source, average in zip(self._sources, self.children(), strict=True):
                state = source.state_dict()
                average.load_state_dict({name: state[name] for name in average.state_dict()})

    @torch.no_grad()
    def update(self, momentum: float, skipped: Tensor | None = None) -> None:
        """Set average <- momentum * average + (1 - momentum) * source, in one fused call.

        Args:
            momentum: weight of the old average.
            skipped: a scalar on the device, 1 if the optimizer skipped its step and the average
                must not change. It is the ``found_inf`` of fused optimizers under a gradient
                scaler.
        """
        averages = [local_part(parameter) for parameter in self.parameters()]
        sources = [local_part(parameter) for parameter in self.source_parameters()]
        if skipped is None:
            torch._foreach_lerp_(averages, sources, 1 - momentum)
            return
        steps = torch._foreach_sub(sources, averages)
        torch._foreach_mul_(steps, (1 - momentum) * (1 - skipped.squeeze()))
        torch._foreach_add_(averages, steps)

    def source_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the source of each of the EMA's parameters, in the order of ``parameters()``."""
        for source, average in zip(self._sources, self.children(), strict=True):
            parameters = dict(source.named_parameters())
            yield from (parameters[name] for name, _ in average.named_parameters())


def disable_drop_path(module: nn.Module) -> None:
    """Switch stochastic depth off, also in train mode, so that a target uses all of its layers.

    Example:
        >>> target = nn.Sequential(DropPath(0.1))
        >>> disable_drop_path(target)
        >>> target[0].drop_prob
        0.0
    """
    for layer in module.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
