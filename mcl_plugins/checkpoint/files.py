"""Safe reading and atomic writing of checkpoint files."""

from __future__ import annotations

import io
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any, cast

import torch
from mmengine.logging import HistoryBuffer

from ..utils.writing import atomic_write
from .arrays import STAND_INS
from .digest import DamagedFileError, HashingFile, check_whole
from .tensor_files import SUFFIX, read_tensors, write_tensors


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
        *((function, name) for name, function in STAND_INS.items()),
        HistoryBuffer,
        Namespace,
        (OrderedDict, 'yacs.config.CfgNode'),
        (_history_buffer_method, 'builtins.getattr'),
    ]


def load_file(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a ``torch.save`` or ``.safetensors`` file without executing anything in it.

    Args:
        path: the file.
        map_location: as in ``torch.load``.

    Raises:
        FileNotFoundError: the file does not exist.
        DamagedFileError: it does not match its digest or checksums, see :mod:`.digest`.
        ValueError: see :func:`read_safely`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'Checkpoint {str(path)!r} does not exist; check the path.')
    if Path(path).suffix == SUFFIX:
        return read_safely(partial(read_tensors, path, map_location), str(path))
    check_whole(path)
    load = partial(torch.load, path, map_location=map_location, weights_only=True)
    return read_safely(load, str(path))


def is_readable(value: Any) -> bool:
    """Whether a value that is saved in a checkpoint can be read again by :func:`load_file`.

    Example:
        >>> import numpy as np
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
    except (OSError, MemoryError, DamagedFileError):
        raise  # not the fault of the file, or said already
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


def save_file(content: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint with its digest, within :func:`~.writing.atomic_write`.

    Args:
        content: what ``torch.save`` takes. Of a file that ends with ``.safetensors`` the tensors
            and the plain parts of ``meta`` are written.
        path: the file.

    Raises:
        OSError: it cannot be written; the message states the space that is needed and free.
        ValueError: a ``.safetensors`` file is to hold other things than weights.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_file({'weight': torch.ones(2)}, f'{folder}/model.pth')
        ...     load_file(f'{folder}/model.pth')
        {'weight': tensor([1., 1.])}
    """
    with atomic_write(path, _size(content)) as temporary:
        if Path(path).suffix == SUFFIX:
            write_tensors(extract_state_dict(content), content.get('meta'), temporary)
        else:
            _save(content, temporary)


def _save(content: Any, path: Path) -> None:
    """Write a ``torch.save`` file and its digest."""
    with path.open('wb') as file:
        target = HashingFile(file)
        try:
            torch.save(content, cast(IO[bytes], target))
        except RuntimeError:
            if target.error is None:
                raise
            raise target.error from None
        target.seal()


def _size(content: Any) -> int:
    """Return the bytes that the tensors in a checkpoint have; shared memory counts once."""
    sizes: dict[int, int] = {}

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, Mapping):
            for part in value.values():
                add(part)
        elif isinstance(value, list | tuple):
            for part in value:
                add(part)

    add(content)
    return sum(sizes.values())


def extract_state_dict(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint: its ``state_dict``, ``model`` or ``module``, or itself.

    Raises:
        ValueError: they have names that are no text.

    Example:
        >>> extract_state_dict({'model': {'weight': 1}, 'epoch': 3})
        {'weight': 1}
    """
    keys = ('state_dict', 'model', 'module')
    parts = (checkpoint[key] for key in keys if isinstance(checkpoint.get(key), dict))
    tensors = next(parts, checkpoint)
    if unnamed := [name for name in tensors if not isinstance(name, str)]:
        raise ValueError(
            f'the file is not a checkpoint: names of its tensors are not text, but {unnamed[:3]}'
        )
    return tensors
