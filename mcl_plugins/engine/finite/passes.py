"""What is kept of each training pass until its step is known to be good."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .buffers import BufferCopies
from .generators import generator_states


@dataclass
class Pass:
    """A forward pass of a training.

    Attributes:
        iteration: its number, counted from 1 as in the log.
        batch: the batch as it came from the loader.
        generators: the states of the generators before the pass.
        buffers: the buffers of the model before the pass.
        losses: the outputs of the model, losses and monitors, by name.
        loss: the sum of the losses, on the device.
    """

    iteration: int
    batch: Any
    generators: dict[str, Any]
    buffers: dict[str, Tensor]
    losses: dict[str, Any] = field(default_factory=dict)
    loss: Tensor | None = None


class Recorder:
    """Keep the passes since the last step of an optimizer.

    A training step begins with the model's data preprocessor and ends its forward pass with a dict
    of losses. Functions that PyTorch calls there keep references to batch and losses, the states
    of the generators, and copies of the buffers that passes change.

    Args:
        model: an MMEngine model, without a distributed wrapper.
        iteration: returns the number of the present iteration, counted from 1.
        unchecked: names of the buffers that are not finite on purpose.

    Attributes:
        passes: the passes since the last step, or those of the last step until the next begins.
        stepped: whether an optimizer took its step after the last pass.
        buffers: access to the buffers of the model.
    """

    def __init__(
        self, model: Any, iteration: Callable[[], int], unchecked: Collection[str] = ()
    ) -> None:
        self.passes: list[Pass] = []
        self.stepped = False
        self.buffers = BufferCopies(model)
        self._iteration, self._unchecked = iteration, frozenset(unchecked)
        preprocessor: nn.Module = model.data_preprocessor
        self._handles = [
            preprocessor.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.register_forward_hook(self._end, with_kwargs=True),
        ]

    def checked_buffers(self) -> list[Tensor]:
        """Return the buffers that have to be finite."""
        buffers = self.buffers.current().items()
        return [buffer for name, buffer in buffers if name not in self._unchecked]

    def restore(self, passes: list[Pass], where: Tensor | None = None) -> None:
        """Set the buffers to what they were before the first of some passes.

        Args:
            passes: the passes of a step.
            where: a truth value on the device; without it the buffers are restored.
        """
        if passes:
            self.buffers.restore(passes[0].buffers, where)

    def close(self) -> None:
        """Record no further passes."""
        for handle in self._handles:
            handle.remove()

    def _begin(self, preprocessor: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        training = kwargs['training'] if 'training' in kwargs else args[1:2] == (True,)
        if not (training and torch.is_grad_enabled()):
            return
        if self.stepped:
            self.passes, self.stepped = [], False
        batch = args[0] if args else kwargs.get('data')
        states = generator_states()
        self.passes.append(Pass(self._iteration(), batch, states, self.buffers.take()))

    @torch.no_grad()
    def _end(self, model: Any, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if kwargs.get('mode') != 'loss' or not isinstance(output, dict) or not self.passes:
            return
        self.passes[-1].losses = {
            name: [part.detach() for part in value] if isinstance(value, list) else value.detach()
            for name, value in output.items()
        }
        self.passes[-1].loss = model.parse_losses(output)[0].detach()
