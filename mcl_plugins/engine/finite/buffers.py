"""The buffers of a model as they were before a pass, so that a bad pass can be taken back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class _Known:
    """A buffer as it was seen last: the tensor, how often it was changed, and its copy."""

    buffer: Tensor
    version: int
    copy: Tensor


class BufferCopies:
    """Copies of a model's buffers, which cost only what the passes change.

    A forward pass changes the statistics of BatchNorms in place and replaces the keys of a queue by
    a new tensor. Only a buffer that was changed in place since the last look is copied; of a tensor
    that replaced another one, the tensor itself is kept.

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
        self._known: dict[str, _Known] = {}

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
        for name, buffer in self.current().items():
            known = self._known.get(name)
            if known is None or (known.buffer is buffer and known.version != buffer._version):
                copy = buffer.clone()
            elif known.buffer is not buffer:
                copy = buffer
            else:
                continue
            self._known[name] = _Known(buffer, buffer._version, copy)
        return {name: known.copy for name, known in self._known.items()}

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
            if new is None or new is old or self._is_known(name, new, old):
                continue
            if where is None:
                module._buffers[key] = new.copy_(old) if new.shape == old.shape else old.clone()
            elif new.shape == old.shape:
                new.copy_(torch.where(where, old, new))

    def _is_known(self, name: str, buffer: Tensor, value: Tensor) -> bool:
        """Whether a buffer has not changed since the copy ``value`` of it was made."""
        known = self._known[name]
        return known.buffer is buffer and known.version == buffer._version and known.copy is value
