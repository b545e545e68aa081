"""End a process whose launcher has died."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

GRACE = 30.0  # seconds for a checkpoint, those that torchrun gives


def end_with_launcher() -> None:
    """End this process soon after its parent has ended, with a checkpoint if it is training.

    torchrun that is killed (``kill -9``, out of memory) cannot end the processes that it started.
    Without it, they would train on unseen, and nobody could stop them together.
    """
    parent = os.getppid()
    threading.Thread(target=_wait_for_end, args=(parent,), daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    rank = os.environ.get('RANK', '0')
    print(
        f'\nerror: the launcher (PID {parent}) of process {rank} has died; the process stops, too.',
        file=sys.stderr,
        flush=True,
    )
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)
