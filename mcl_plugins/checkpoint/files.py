"""Reading and writing checkpoint files: safe to open, never half written."""

from __future__ import annotations

import glob
import os
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from numpy._core import multiarray


def _history_buffer_method(owner: type, name: str) -> Callable:
    """Stand in for ``getattr`` while loading: methods of MMEngine's HistoryBuffer and no others.

    Raises:
        UnpicklingError: the file asks for an attribute of something else.
    """
    if owner is not HistoryBuffer or name.startswith('_'):
        raise UnpicklingError(f'the file asks for {name!r} of {owner!r}')
    return getattr(HistoryBuffer, name)


def _allowed_globals() -> list:
    """What checkpoints hold beside tensors, none of which runs anything.

    A Runner's has NumPy scalars and arrays and log histories; a released one the ``Namespace`` of
    its command line, or a yacs config, which is read as a plain dict.
    """
    return [
        slice,
        np.ndarray,
        np.dtype,
        *(type(np.dtype(name)) for name in ('uint32', 'int64', 'float64')),
        multiarray._reconstruct,
        multiarray.scalar,
        HistoryBuffer,
        Namespace,
        (OrderedDict, 'yacs.config.CfgNode'),
        (_history_buffer_method, 'builtins.getattr'),
    ]


def load_file(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a ``torch.save`` file without executing anything that it holds.

    Args:
        path: the file.
        map_location: as in ``torch.load``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as :func:`read_safely`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'Checkpoint {str(path)!r} does not exist; check the path.')
    load = partial(torch.load, path, map_location=map_location, weights_only=True)
    return read_safely(load, str(path))


def read_safely(load: Callable[[], Any], source: str) -> dict[str, Any]:
    """Call a loader that asks PyTorch for ``weights_only``, with what checkpoints hold allowed.

    Besides tensors and plain containers, that is the few NumPy and MMEngine types that a Runner's
    own checkpoints contain.

    Args:
        load: reads the checkpoint.
        source: its file or address, for messages.

    Raises:
        ValueError: it is not a checkpoint, holds objects that are not allowed, or something else
            than named entries.
    """
    try:
        with torch.serialization.safe_globals(_allowed_globals()):
            content = load()
    except (OSError, MemoryError):
        raise  # nothing is wrong with the file
    except Exception as error:  # a file of another format fails wherever the unpickler stumbles
        reason = next(iter(str(error).splitlines()), '') or 'it ends too early'
        raise ValueError(
            f'{source} was not loaded: it is damaged, not a PyTorch checkpoint, or holds objects '
            f'other than tensors, which could run code. ({type(error).__name__}: {reason})'
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f'{source} holds a {type(content).__name__} and not a dict of tensors by name; is it '
            'a checkpoint?'
        )
    return content


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary file to write, which replaces ``path`` once the block has ended.

    A process that is killed while it writes, or an error such as a full disk, leaves the old file
    whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    try:
        yield temporary
        with temporary.open('rb') as file:
            os.fsync(file.fileno())  # the content is on the disk before the name is
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_file(content: Any, path: str | Path) -> None:
    """``torch.save`` by way of :func:`atomic_write`."""
    with atomic_write(path) as temporary, temporary.open('wb') as file:
        torch.save(content, file)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote ``path``."""
    start, end = f'{path.name}.', '.tmp'
    for file in path.parent.glob(f'{glob.escape(start)}*{end}'):
        process = file.name.removeprefix(start).removesuffix(end)
        if process.isdecimal() and not _is_running(int(process)):
            file.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)  # asks, and sends nothing
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def extract_state_dict(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint: its ``state_dict``, ``model`` or ``module``, or itself."""
    for key in ('state_dict', 'model', 'module'):
        if isinstance(checkpoint.get(key), dict):
            return checkpoint[key]
    return checkpoint
