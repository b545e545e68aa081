"""A lock by which only one training at a time writes to a work dir."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.logging import print_log

from ..utils.processes import is_running

NAME = 'run.lock'
BEAT = 15.0  # seconds between two signs of life
PATIENCE = 4 * BEAT  # seconds without one after which the holder on another machine is dead
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_held: set[Path] = set()  # by this process, which may lock a folder again


class InUseError(ValueError):
    """Another process holds the lock of a work dir."""


@contextmanager
def hold(work_dir: str | Path) -> Iterator[None]:
    """Hold the lock of a work dir; a dead holder's lock is taken over.

    The file ``run.lock`` says which process holds it. The operating system's lock on the file
    ends with the process. File systems of several machines (NFS, Lustre) may not have such locks;
    the holder therefore touches the file every 15 seconds, and one on another machine is dead if
    the file has stayed as it was for a minute. Caches of such a file system delay the sign of life
    by some seconds, which is allowed for.

    Args:
        work_dir: folder of the training; it is made if it does not exist.

    Raises:
        InUseError: another training holds it.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = mkdtemp()
        >>> with hold(folder):
        ...     os.listdir(folder)
        ['run.lock']
        >>> os.listdir(folder)
        []
    """
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    path = Path(work_dir).resolve() / NAME
    if path in _held:
        yield
        return
    file = _take(path)
    _held.add(path)
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=(file, ended), daemon=True)
    beats.start()
    try:
        yield
    finally:
        ended.set()
        beats.join()  # after os.close the number of the file may be that of another one
        _held.discard(path)
        with suppress(OSError):
            path.unlink()
        os.close(file)


def _take(path: Path) -> int:
    """Open and lock the file, write to it who this is, and return its descriptor."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            locked = _lock(file)
            if not _is(file, path):  # the last holder has just removed it
                os.close(file)
                continue
            owner = _read(file)
            if locked is False or (owner and _lives(owner, path, locked)) or _lock(file) is False:
                raise InUseError(_words(owner, path))
            if owner:
                print_log(f'{path}: {_name(owner)} is dead; going on without it.', 'current')
            text = json.dumps(
                dict(
                    host=platform.node(),
                    pid=os.getpid(),
                    since=time.strftime('%Y-%m-%d %H:%M:%S'),
                )
            )
            os.ftruncate(file, 0)
            os.pwrite(file, text.encode(), 0)
            return file
        except BaseException:
            with suppress(OSError):
                os.close(file)
            raise


def _lock(file: int) -> bool | None:
    """Lock an open file; False if another process has it, None if there are no locks here."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        if error.errno in _UNSUPPORTED:
            return None
        raise
    return True


def _is(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _read(file: int) -> dict:
    """Read who holds the file; a holder that has just begun may not have written it yet."""
    try:
        owner = json.loads(os.pread(file, 4096, 0) or b'{}')
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _lives(owner: dict, path: Path, locked: bool | None) -> bool:
    """Whether the holder that a file names is alive."""
    if owner.get('host') != platform.node():
        return _beats(path)  # an operating system's lock may be known to its own machine only
    pid = owner.get('pid')
    return locked is None and isinstance(pid, int) and is_running(pid)


def _beats(path: Path) -> bool:
    """Wait for the next sign of life. No clocks of two machines are compared."""
    before, end = path.stat().st_mtime_ns, time.monotonic() + PATIENCE
    print_log(
        f'{path} is of another machine; waiting {PATIENCE:g} s for a sign of life.', 'current'
    )
    while time.monotonic() < end:
        time.sleep(min(1.0, PATIENCE / 10))
        # NFS asks the server for the times on opening. Closing gives up this process's lock.
        os.close(os.open(path, os.O_RDONLY))
        if path.stat().st_mtime_ns != before:
            return True
    return False


def _beat(file: int, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with suppress(OSError):
            os.utime(file)


def _name(owner: dict) -> str:
    return f'process {owner.get("pid")} on {owner.get("host")} (since {owner.get("since")})'


def _words(owner: dict, path: Path) -> str:
    return (
        f'{path.parent} is in use: {_name(owner)} is training in it. Wait until it has ended, or '
        f'stop it (kill {owner.get("pid")} on {owner.get("host")}; it writes a checkpoint), and go '
        'on with --resume; or choose another --work-dir.'
    )
