"""Safe reading and atomic writing of checkpoint files."""

from __future__ import annotations

import glob
import io
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

# NumPy's types of truth values, integers and floats, as metrics return them, and of text. Types
# that hold other objects are not among them.
_NUMBERS = f'?{np.typecodes["AllInteger"]}{np.typecodes["AllFloat"]}U'


def _history_buffer_method(owner: type, name: str) -> Callable:
    """Replace ``getattr`` during loading: return public methods of MMEngine's HistoryBuffer only.

    Raises:
        UnpicklingError: the file reads an attribute of another class.
    """
    if owner is not HistoryBuffer or name.startswith('_'):
        raise UnpicklingError(f'the file reads the attribute {name!r} of {owner!r}')
    return getattr(HistoryBuffer, name)


def _allowed_globals() -> list:
    """List the types that checkpoints contain besides tensors; none of them can run code.

    A Runner's checkpoint contains NumPy scalars and arrays and log histories. A released one may
    contain the ``Namespace`` of its command line, or a yacs config, which is read as a plain dict.
    """
    return [
        slice,
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in _NUMBERS},
        multiarray._reconstruct,
        multiarray.scalar,
        HistoryBuffer,
        Namespace,
        (OrderedDict, 'yacs.config.CfgNode'),
        (_history_buffer_method, 'builtins.getattr'),
    ]


def load_file(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a ``torch.save`` file without executing anything in it.

    Args:
        path: the file.
        map_location: as in ``torch.load``.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: see :func:`read_safely`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'Checkpoint {str(path)!r} does not exist; check the path.')
    load = partial(torch.load, path, map_location=map_location, weights_only=True)
    return read_safely(load, str(path))


def is_readable(value: Any) -> bool:
    """Whether a value that is saved in a checkpoint can be read again by :func:`load_file`.

    Example:
        >>> is_readable({'best': np.float32(0.5)}), is_readable(Path('best.pth'))
        (True, False)
    """
    with io.BytesIO() as file:
        try:
            torch.save({'value': value}, file)
            file.seek(0)
            read_safely(partial(torch.load, file, weights_only=True), 'memory')
        except Exception:  # pickle has errors of many kinds
            return False
    return True


def read_safely(load: Callable[[], Any], source: str) -> dict[str, Any]:
    """Call ``load`` while PyTorch also accepts the few other types that checkpoints contain.

    Besides tensors and plain containers, these are the NumPy and MMEngine types in a Runner's own
    checkpoints.

    Args:
        load: reads the checkpoint with ``torch.load(..., weights_only=True)``.
        source: file or address of the checkpoint, for messages.

    Raises:
        ValueError: it is not a checkpoint, contains objects of other types, or is not a dict.
    """
    try:
        with torch.serialization.safe_globals(_allowed_globals()):
            content = load()
    except (OSError, MemoryError):
        raise  # not the fault of the file
    except Exception as error:  # files of other formats raise errors of many kinds
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
    """Yield a temporary path to write to; the file is renamed to ``path`` after the block.

    If the process is killed while it writes, or an error such as a full disk occurs, the old file
    stays complete.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(f'{folder}/log.txt') as temporary:
        ...         _ = temporary.write_text('done')
        ...     Path(folder, 'log.txt').read_text()
        'done'
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
    """Call ``torch.save`` within :func:`atomic_write`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_file({'weight': torch.ones(2)}, f'{folder}/model.pth')
        ...     load_file(f'{folder}/model.pth')
        {'weight': tensor([1., 1.])}
    """
    with atomic_write(path) as temporary, temporary.open('wb') as file:
        torch.save(content, file)


def _remove_leftovers(path: Path) -> None:
    """Delete the temporary files of processes that were killed while they wrote ``path``."""
    start, end = f'{path.name}.', '.tmp'
    for file in path.parent.glob(f'{glob.escape(start)}*{end}'):
        process = file.name.removeprefix(start).removesuffix(end)
        if process.isdecimal() and not _is_running(int(process)):
            file.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether a process with this number is running."""
    try:
        os.kill(process, 0)  # signal 0 only checks that the process exists
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def extract_state_dict(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint: its ``state_dict``, ``model`` or ``module``, or itself.

    Example:
        >>> extract_state_dict({'model': {'weight': 1}, 'epoch': 3})
        {'weight': 1}
    """
    for key in ('state_dict', 'model', 'module'):
        if isinstance(checkpoint.get(key), dict):
            return checkpoint[key]
    return checkpoint
