"""Workers of data loaders that leave signals to the process that they load for."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

from torch.utils.data import DataLoader

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def shield_workers(loader: DataLoader) -> None:
    """Let the workers that a loader starts from now on outlive a signal that asks to stop.

    torchrun, Slurm and Ctrl-C signal the workers, too. Without them the step could not be finished.
    """
    given = loader.worker_init_fn
    if getattr(given, 'func', None) is not start_worker:
        loader.worker_init_fn = partial(start_worker, given)


def start_worker(then: Callable[[int], object] | None, worker: int) -> None:
    """Ignore signals of others than the parent, end with it, and call ``then(worker)``.

    Args:
        then: the loader's own ``worker_init_fn``.
        worker: number of the worker.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if sys.platform == 'linux':
        # Also if it hangs: PyTorch's own look for the parent is between two batches.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_for_the_parent, args=(os.getppid(),), daemon=True).start()
    if then is not None:
        then(worker)


def _end_for_the_parent(parent: int) -> None:
    """End at the SIGTERM by which the loader ends a worker that does not end by itself."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
