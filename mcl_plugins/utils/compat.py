"""Work-arounds for faults of the libraries, each with its reason and when it can be removed.

None of them changes the libraries or the process permanently.
"""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


def import_quietly(*modules: str) -> None:
    """Import libraries without their notices about missing optional parts.

    mmcv warns about ops that are not compiled. mmpretrain prints that OneDL is absent and imports
    mmdet, which logs that its line detection lacks CUDA. Each command would start with ten such
    lines. A failing import still raises its error. This can be removed when importing mmpretrain
    prints nothing.

    Args:
        *modules: names of the modules to import.
    """
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.filterwarnings('ignore', message='Fail to import ``MultiScale')
        logging.disable(logging.WARNING)
        try:
            for module in modules:
                importlib.import_module(module)
        finally:
            logging.disable(disabled)


def forget_autocast_weights() -> None:
    """Clear autocast's cache of half-precision copies of the weights.

    Before PyTorch 2.11, a forward pass under ``no_grad`` leaves copies without gradient in this
    cache. A later forward pass with the same weights uses them, so these weights silently get no
    gradient. This can be removed when setup.cfg requires torch 2.11.
    """
    torch.clear_autocast_cache()


def single_drop_path(layers: Iterable[Any]) -> None:
    """Remove the second drop path from the FFN branch of mmpretrain's BEiT blocks.

    The FFN applies drop path to its output and the block applies it again, so a drop rate p has
    the effect of 1 - (1 - p)^2. This can be removed when ``BEiTTransformerEncoderLayer`` no longer
    passes ``dropout_layer`` to its FFN.

    Args:
        layers: the blocks, which are changed in place.
    """
    for layer in layers:
        layer.ffn.dropout_layer = nn.Identity()


@contextmanager
def quiet_meshgrid() -> Iterator[None]:
    """Suppress PyTorch's warning about ``torch.meshgrid`` without ``indexing``, and no other.

    mmpretrain relies on the default (row-major) for its relative position index, which is correct.
    This can be removed when mmpretrain passes ``indexing='ij'``.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='torch.meshgrid')
        yield


class LinspaceOnHost(TorchFunctionMode):
    """Make it possible to build mmpretrain's Swin on the meta device.

    Its constructor computes the drop path rates with ``torch.linspace`` on the default device and
    reads the values. This can be removed when ``SwinTransformer`` can be built under
    ``torch.device('meta')``.

    Example:
        >>> with torch.device('meta'), LinspaceOnHost():
        ...     torch.linspace(0, 1, 2).tolist()
        [0.0, 1.0]
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Call ``func``, on the CPU if it is ``torch.linspace``."""
        on_host = {'device': 'cpu'} if func is torch.linspace else {}
        return func(*args, **{**(kwargs or {}), **on_host})
