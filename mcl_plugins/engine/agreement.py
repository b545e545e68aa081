"""Agreement of all processes on a step, without a collective and without waiting for a device."""

from __future__ import annotations

import itertools
import os
import time
from datetime import timedelta

from mmengine.dist import get_dist_info
from mmengine.runner import Runner
from torch import distributed as dist

from .wrappers import waits_for_step


class StepAgreement:
    """Lets all processes act after the same step when one of them wishes to.

    Process 0 grants steps in advance: no process goes beyond the last step that is granted. If
    there is a wish, nothing more is granted, and all act after that step. The grants cover about a
    second. Between them a call costs nothing; a step longer than that is granted by itself, so
    that all act right after it. The processes communicate through the store by which they found
    each other.

    Args:
        name: name of the action.
        seconds: time that the grants cover, and so the longest delay of a wish.

    Example:
        >>> agreement = StepAgreement('save')  # one process need not ask
        >>> agreement.reached(False), agreement.reached(True)
        (False, True)
    """

    _made = itertools.count()

    def __init__(self, name: str, seconds: float = 1.0) -> None:
        self._rank, processes = get_dist_info()
        number = next(self._made)  # the same on all processes: each makes the same ones
        self._store = _connect(f'{name}/{number}') if processes > 1 else None
        self._seconds = seconds
        self._step, self._granted = 0, 1
        self._acts: list[int] = []  # the last steps to act after; a process may be behind
        self._last_grant = (0, time.monotonic())

    def reached(self, wish: bool) -> bool:
        """Whether all processes act now; each of them calls this after the same steps.

        Args:
            wish: whether this process wishes to act.
        """
        if self._store is None:
            return wish
        self._step += 1
        if self._rank == 0:
            self._lead(self._store, wish)
        else:
            self._follow(self._store, wish)
        return self._step in self._acts

    def _lead(self, store: dist.Store, wish: bool) -> None:
        if self._granted >= self._step and self._granted in self._acts:
            return
        ahead = self._steps_ahead()
        if self._granted - self._step > ahead // 2 and not wish:
            return
        if wish or store.check(['wish']):  # of this process, or of another one
            store.delete_key('wish')
            self._granted = max(self._granted, self._step)
            self._acts = [*self._acts[-15:], self._granted]
        else:
            self._granted = self._step + ahead
        self._last_grant = (self._step, time.monotonic())
        store.set('grant', ' '.join(map(str, [self._granted, *self._acts])))

    def _follow(self, store: dist.Store, wish: bool) -> None:
        if wish:
            store.set('wish', '1')
        while self._granted <= self._step and self._step not in self._acts:
            self._granted, *self._acts = map(int, store.get('grant').split())
            if self._granted <= self._step and self._step not in self._acts:
                time.sleep(0.002)  # process 0 is a little behind

    def _steps_ahead(self) -> int:
        step, since = self._last_grant
        duration = (time.monotonic() - since) / max(1, self._step - step)
        return max(1, min(1000, int(self._seconds / max(duration, 1e-6)))) if step else 1


def _connect(name: str) -> dist.Store:
    """Connect to the store of the launcher or of process 0, for this action and this start."""
    store = dist.TCPStore(
        os.environ['MASTER_ADDR'],
        int(os.environ['MASTER_PORT']),
        is_master=False,
        timeout=timedelta(hours=1),
    )
    restart = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    return dist.PrefixStore(f'mcl_plugins/{restart}/{name}', store)


def completes_update(runner: Runner) -> bool:
    """Whether the last iteration ended with an optimizer step, and not within an accumulation."""
    return not waits_for_step(runner.optim_wrapper)
