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


@dataclass(frozen=True)
class MomentumSchedule:
    """Cosine schedule of the EMA momentum, in the papers' convention.

    The momentum m is the share of the average that stays: t <- m t + (1 - m) s. (MMEngine's own
    EMA states 1 - m.)

    Attributes:
        start: momentum of the first step.
        end: momentum that the schedule approaches; equal to ``start`` for a constant.

    Raises:
        ValueError: a momentum outside [0, 1].

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
                    f'momentum {name}={value} is outside [0, 1]; it is the share of the teacher '
                    'that stays at each step, for example 0.996.'
                )

    def __call__(self, step: int, total: int) -> float:
        """Momentum of 0-based ``step`` out of ``total``."""
        return self.end - (self.end - self.start) * (1 + math.cos(math.pi * step / total)) / 2


class EMA(nn.Module):
    """A copy of modules that follows them as an exponential moving average.

    Only parameters are averaged. Buffers are the copy's own: a BatchNorm in train mode tracks the
    statistics of the images that the copy sees. The copies keep their names: the EMA of
    ``backbone`` and ``neck``, which every method calls ``ema``, is called as
    ``model.ema.backbone(...)`` and stands under ``ema.backbone.`` in a checkpoint. A part that is
    not needed (CMAE's target has no final norm) may be removed from a copy; the rest follows.

    A model's EMA moves with the optimizer's steps, see :mod:`.following`.

    Args:
        momentum: arguments of :class:`MomentumSchedule`.
        **sources: the modules to copy and to follow, by name.

    Attributes:
        schedule: the momentum as a function of the training's progress.
    """

    backbone: Any  # the usual names, for type checkers
    neck: Any
    projector: Any
    class_attention: Any

    def __init__(self, momentum: dict, **sources: nn.Module) -> None:
        super().__init__()
        self.schedule = MomentumSchedule(**momentum)
        for name, module in sources.items():
            self.add_module(name, copy.deepcopy(module).requires_grad_(False))
        # In a tuple, so that the sources are not registered a second time.
        self._sources = tuple(sources.values())

    def init_weights(self) -> None:
        """Start equal to the sources; called by MMEngine after their own initialisation."""
        with torch.no_grad():
            for source, average in zip(self._sources, self.children(), strict=True):
                state = source.state_dict()
                average.load_state_dict({name: state[name] for name in average.state_dict()})

    @torch.no_grad()
    def update(self, momentum: float, skipped: Tensor | None = None) -> None:
        """average <- momentum * average + (1 - momentum) * source, in one fused call.

        Args:
            momentum: the share that stays.
            skipped: a scalar that is 1 if the step was skipped on the device (the ``found_inf`` of
                fused optimizers under a gradient scaler), which leaves the average as it is.
        """
        averages: list[Tensor] = list(self.parameters())
        sources: list[Tensor] = list(self.source_parameters())
        if skipped is None:
            torch._foreach_lerp_(averages, sources, 1 - momentum)
            return
        weight = (1 - momentum) * (1 - skipped.squeeze())
        for average, source in zip(averages, sources, strict=True):
            average.lerp_(source, weight.to(average))

    def source_parameters(self) -> Iterator[nn.Parameter]:
        """The parameter that each of the EMA's own parameters follows."""
        for source, average in zip(self._sources, self.children(), strict=True):
            parameters = dict(source.named_parameters())
            yield from (parameters[name] for name, _ in average.named_parameters())


def disable_drop_path(module: nn.Module) -> None:
    """Turn stochastic depth off, also in train mode: a target sees with all of its layers."""
    for layer in module.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
