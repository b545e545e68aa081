"""Work-arounds for quirks of the libraries: each with its reason and how to know it can go.

None of them leaves anything of the libraries or of the process changed.
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
    """Import libraries without their notices about optional parts that nobody asked for.

    mmcv warns of ops that are not compiled, mmpretrain prints that OneDL is absent and imports
    mmdet, which logs that line detection lacks CUDA: ten lines before each command says anything.
    What does not import still raises. Can go when importing mmpretrain prints nothing.
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
    """Drop the half-precision copies of weights that autocast made without gradient.

    Before PyTorch 2.11 a pass under ``no_grad`` leaves copies in autocast's cache that a trained
    pass of the same weights then uses: these weights get no gradient, silently. Can go when
    setup.cfg asks for torch 2.11.
    """
    torch.clear_autocast_cache()


def single_drop_path(layers: Iterable[Any]) -> None:
    """Undo the second drop path on the FFN branch of mmpretrain's BEiT blocks.

    The FFN drops its output and the block drops it again, so a rate p acts as 1 - (1 - p)^2 there.
    Can go when ``BEiTTransformerEncoderLayer`` no longer passes ``dropout_layer`` to its FFN.
    """
    for layer in layers:
        layer.ffn.dropout_layer = nn.Identity()


@contextmanager
def quiet_meshgrid() -> Iterator[None]:
    """Silence PyTorch's notice about ``torch.meshgrid`` without ``indexing``, and only that.

    mmpretrain's relative position index is what it wants (row-major). Can go when
    mmpretrain passes ``indexing='ij'``.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='torch.meshgrid')
        yield


class LinspaceOnHost(TorchFunctionMode):
    """Let mmpretrain's Swin be built on the meta device: ``with LinspaceOnHost(): ...``.

    Its constructor reads drop path rates from a tensor that it makes on the default device. Can go
    when ``SwinTransformer`` builds under ``torch.device('meta')``.
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Call ``func``, on the CPU if it is ``torch.linspace``."""
        on_host = {'device': 'cpu'} if func is torch.linspace else {}
        return func(*args, **{**(kwargs or {}), **on_host})
