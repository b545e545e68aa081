"""The EMA teacher and its momentum schedule."""

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

    The momentum m is the share of the teacher that stays: t <- m t + (1 - m) s. (MMEngine's own
    EMA states 1 - m.)

    Attributes:
        start: momentum of the first step.
        end: momentum that the schedule approaches; equal to ``start`` for a constant.

    Raises:
        ValueError: a momentum outside [0, 1].
    """

    start: float
    end: float = 1.0

    def __post_init__(self) -> None:
        for name in ('start', 'end'):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(
                    f'momentum {name}={value} is outside [0, 1]; it is the share of the teacher '
                    'that stays at each step, for example 0.996.'
                )

    def __call__(self, step: int, total: int) -> float:
        """Momentum of 0-based ``step`` out of ``total``."""
        return self.end - (self.end - self.start) * (1 + math.cos(math.pi * step / total)) / 2


class MomentumTeacher(nn.Module):
    """A copy of the student's modules that follows them as an exponential moving average.

    Only parameters are averaged. Buffers are the teacher's own: a BatchNorm in train mode tracks
    the statistics of the images that the teacher sees. The copies keep their names, so a
    teacher of ``backbone`` and ``neck`` is called ``teacher.backbone(...)`` and stands under
    ``teacher.backbone.`` in a checkpoint. A part that the teacher does not need (CMAE's target has
    no final norm) may be removed from a copy; the rest follows.

    Args:
        **student: the modules to copy, by name.
    """

    backbone: Any  # the usual names, for type checkers
    neck: Any
    projector: Any

    def __init__(self, **student: nn.Module) -> None:
        super().__init__()
        for name, module in student.items():
            self.add_module(name, copy.deepcopy(module).requires_grad_(False))
        # In a tuple, so that the student is not registered a second time.
        self._student = tuple(student.values())

    def init_weights(self) -> None:
        """Start equal to the student; called by MMEngine after the student's own."""
        with torch.no_grad():
            for student, teacher in zip(self._student, self.children(), strict=True):
                state = student.state_dict()
                teacher.load_state_dict({name: state[name] for name in teacher.state_dict()})

    @torch.no_grad()
    def update(self, momentum: float) -> None:
        """teacher <- momentum * teacher + (1 - momentum) * student, in one fused call."""
        teacher: list[Tensor] = list(self.parameters())
        torch._foreach_lerp_(teacher, list(self._student_parameters()), 1 - momentum)

    def _student_parameters(self) -> Iterator[Tensor]:
        """The student's counterpart of each of the teacher's parameters."""
        for student, teacher in zip(self._student, self.children(), strict=True):
            parameters = dict(student.named_parameters())
            yield from (parameters[name] for name, _ in teacher.named_parameters())


def disable_drop_path(module: nn.Module) -> None:
    """Turn stochastic depth off, also in train mode: a target sees with all of its layers."""
    for layer in module.modules():
        if isinstance(layer, DropPath):
            layer.drop_prob = 0.0
