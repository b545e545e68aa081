"""The buffers of a model as they were before a pass, so that a bad pass can be taken back."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BufferCopies:
    """Copies of a model's buffers before a pass.

    A forward pass changes the statistics of BatchNorms in place, without raising PyTorch's counter
    of changes, and replaces the keys of a queue, which are many, by a new tensor. So buffers are
    copied, except for those that the last pass replaced: of them the tensor itself is kept.

    Args:
        model: its modules and the names of their buffers do not change.

    Example:
        >>> norm = nn.BatchNorm1d(2)
        >>> copies = BufferCopies(norm)
        >>> before = copies.take()
        >>> _ = norm(torch.full((4, 2), torch.nan))
        >>> copies.restore(before)
        >>> norm.running_mean
        tensor([0., 0.])
    """

    def __init__(self, model: nn.Module) -> None:
        self._places = [
            (f'{prefix}.{name}' if prefix else name, module, name)
            for prefix, module in model.named_modules()
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        self._last: dict[str, Tensor] = {}  # the buffers that were there at the last look

    def current(self) -> dict[str, Tensor]:
        """Return the buffers themselves by name."""
        return {
            name: buffer
            for name, module, key in self._places
            if (buffer := module._buffers[key]) is not None
        }

    @torch.no_grad()
    def take(self) -> dict[str, Tensor]:
        """Return the present values of all buffers by name; they are not to be changed."""
        buffers = self.current()
        copies = {
            name: buffer.clone() if self._last.get(name, buffer) is buffer else buffer
            for name, buffer in buffers.items()
        }
        self._last = buffers
        return copies

    @torch.no_grad()
    def restore(self, values: dict[str, Tensor], where: Tensor | None = None) -> None:
        """Set the buffers to values that :meth:`take` returned.

        Args:
            values: the buffers by name.
            where: a truth value on the device; nothing changes where it is False. By default the
                buffers are restored.
        """
        for name, module, key in self._places:
            old, new = values[name], module._buffers[key]
            if new is None or new is old:
                continue
            if where is None:
                module._buffers[key] = new.copy_(old) if new.shape == old.shape else old.clone()
            elif new.shape == old.shape:
                new.copy_(torch.where(where, old, new))
