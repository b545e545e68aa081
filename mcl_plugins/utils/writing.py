"""Write files so that a reader finds either the earlier file or the whole new one."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .processes import is_running

_DEVICES = (Path('/dev'), Path('/dev/fd'))
_LEFTOVER = re.compile(r'(?P<file>.+)\.(?P<process>\d+)(?:@(?P<host>[\w-]+))?\.tmp')
_STALE = 3600  # seconds after which nobody is writing to a file any more


@contextmanager
def atomic_write(path: str | Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path to write to; the file is renamed to ``path`` after the block.

    If the process is killed while it writes, or an error such as a full disk occurs, the old file
    stays complete. What killed processes left of the same file is removed before. A device or a
    pipe, such as ``/dev/stdout``, is written to directly.

    Args:
        path: the file.
        needed: bytes that the file will have, if that is known, for the message of an error.

    Raises:
        OSError: the file cannot be written; the message states the space that is needed and free.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(f'{folder}/log.txt') as temporary:
        ...         _ = temporary.write_text('done')
        ...     Path(folder, 'log.txt').read_text()
        'done'
    """
    path = Path(path)
    if _is_stream(path):
        yield path
        return
    temporary = path.with_name(f'{path.name}.{os.getpid()}@{_host()}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, path.name)
        yield temporary
        with temporary.open('rb') as file:
            os.fsync(file.fileno())  # the content is on the disk before the name is
        temporary.replace(path)
    except OSError as error:
        raise _with_space(error, path, needed) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8 with :func:`atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def write_json(path: str | Path, content: Any, indent: int = 2, **options: Any) -> None:
    """Write a JSON file with :func:`atomic_write`.

    Args:
        path: the file.
        content: what it is to have.
        indent: of a level, in spaces.
        **options: of ``json.dumps``.

    Raises:
        OSError: see :func:`atomic_write`.
        TypeError: the content has an object that JSON does not know; nothing is written.
    """
    write_text(path, json.dumps(content, indent=indent, **options) + '\n')


def _is_stream(path: Path) -> bool:
    """Whether a path is a device or a pipe, which must not be replaced by a file.

    Example:
        >>> _is_stream(Path('/dev/stdout')), _is_stream(Path('/dev/shm/features.npy'))
        (True, False)
    """
    return path.is_fifo() or path.absolute().parent in _DEVICES


def _host() -> str:
    """Return the name of this machine as a part of a file's name."""
    return re.sub(r'[^\w-]+', '-', socket.gethostname()) or 'host'


def _with_space(error: OSError, path: Path, needed: int | None) -> OSError:
    """Return an error of the same kind whose message states the space."""
    if error.errno is None:
        return error
    facts = []
    if needed is not None:
        facts.append(f'it needs {_gigabytes(needed)}')
    folder = next((part for part in path.absolute().parents if part.is_dir()), path.absolute())
    facts.append(f'{_gigabytes(shutil.disk_usage(folder).free)} are free there')
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY:
        facts.append(f'"ulimit -f" allows files of {_gigabytes(limit)}')
    reason = f'{os.strerror(error.errno)} ({"; ".join(facts)}). Files written before are unchanged'
    return type(error)(error.errno, reason, str(path))


def _gigabytes(number: int) -> str:
    """Write a number of bytes in GB.

    Example:
        >>> _gigabytes(1_234_000_000), _gigabytes(4096)
        ('1.23 GB', '4.1e-06 GB')
    """
    return f'{number / 1e9:.{3 if number >= 1e7 else 2}g} GB'


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Delete the temporary files of processes that were killed while they wrote.

    A file of another machine may be being written there: it is deleted if it has not changed for an
    hour.

    Args:
        folder: the folder.
        name: file that they wrote; by default all checkpoints.
    """
    for file in folder.glob('*.tmp'):
        found = _LEFTOVER.fullmatch(file.name)
        if found is None or file.is_symlink():
            continue
        target = found['file']
        if target != name if name else not target.endswith(('.pth', '.safetensors')):
            continue
        here = found['host'] in (None, _host())
        try:
            stale = time.time() - file.stat().st_mtime > _STALE
        except FileNotFoundError:  # the process that wrote it has renamed it
            continue
        if stale or (here and not is_running(int(found['process']))):
            file.unlink(missing_ok=True)
