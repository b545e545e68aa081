"""Tensors that are divided among processes, PyTorch's ``DTensor``, beside plain ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.dist import is_main_process
from mmengine.utils import apply_to
from torch import Tensor, nn


def is_divided(value: Any) -> bool:
    """Return whether a value is a tensor of which each process holds a part."""
    return hasattr(value, 'full_tensor')


def local_part(tensor: Any) -> Tensor:
    """Return the part of a tensor that this process holds: all of it, if it is not divided.

    It shares its memory with the tensor.

    Example:
        >>> import torch
        >>> local_part(torch.ones(2))
        tensor([1., 1.])
    """
    return tensor.to_local() if is_divided(tensor) else tensor


def whole_tensor(tensor: Any) -> Tensor:
    """Gather a tensor that is divided; all processes call it. One that is not is returned.

    Example:
        >>> import torch
        >>> whole_tensor(torch.ones(2))
        tensor([1., 1.])
    """
    return tensor.full_tensor() if is_divided(tensor) else tensor


def whole_state(state: Any) -> Any:
    """Gather the divided tensors of a nested state, one after the other; all processes call it.

    Returns:
        The state with whole tensors on the CPU; with None in their places except in process 0.

    Example:
        >>> whole_state({'step': 3})
        {'step': 3}
    """

    def gather(tensor: Any) -> Tensor | None:
        whole = tensor.full_tensor()
        return whole.cpu() if is_main_process() else None

    return apply_to(state, is_divided, gather)


@contextmanager
def whole_weights(model: nn.Module) -> Iterator[None]:
    """Hold all weights of a divided model, so that any part of it can be called by itself.

    The parts of a divided model (FSDP2) are gathered when the model itself is called. All
    processes enter the context. It does nothing for another model.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> with whole_weights(layer):
        ...     layer.weight.shape
        torch.Size([1, 1])
    """
    parts: list[Any] = [part for part in model.modules() if hasattr(part, 'unshard')]
    for part in parts:
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
