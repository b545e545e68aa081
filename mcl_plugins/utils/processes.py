"""Processes of this machine: whether one is running, and which this process has started."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def is_running(process: int) -> bool:
    """Whether a process with this number is running.

    Example:
        >>> is_running(os.getpid()), is_running(0)
        (True, False)
    """
    if process <= 0:  # the numbers of groups of processes
        return False
    try:
        os.kill(process, 0)  # signal 0 only checks that the process exists
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def child_processes() -> dict[int, int]:
    """Return the processes that this one has started, each with its session (Linux).

    Those that end meanwhile are left out, and so are those of threads that end.
    """
    sessions = {}
    for file in Path('/proc/self/task').glob('*/children'):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            for child in map(int, file.read_text().split()):
                with suppress(ProcessLookupError):
                    sessions[child] = os.getsid(child)
    return sessions
