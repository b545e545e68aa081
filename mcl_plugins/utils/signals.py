"""Signals that are noticed at once, also while the main thread waits in a library."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from functools import cache
from typing import Any

# Requests to stop: of a scheduler, of Slurm before the time limit (--signal=USR1@120), and Ctrl-C.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
STOPPED = 75  # exit status of a training that was asked to stop: sysexits.h, "try again later"
LOST = 76  # exit status of a process that lost the connection to another one


class Stopped(SystemExit):
    """A training has ended because a signal asked for it; its checkpoint is written."""

    def __init__(self) -> None:
        super().__init__(STOPPED)


class SignalThread:
    """Calls a function for each signal that asks to stop, in a thread of its own.

    Python runs a signal's handler in the main thread, and only when that returns from the library
    that it has called. A process that waits in a collective would not notice any signal. Here
    Python's wake-up descriptor hands the signal to another thread.

    A signal that was ignored stays so, as Ctrl-C for a job in the background of a script. Outside
    the main thread no signal can be handled, and nothing is done. A forked process, such as a data
    loader's worker, shares neither the descriptor nor, at any moment of its start, the signals.

    Args:
        react: called with each signal; what it raises is printed.

    Example:
        >>> seen = []
        >>> arrived = threading.Event()
        >>> thread = SignalThread(lambda number: (seen.append(number.name), arrived.set()))
        >>> thread.install()
        >>> os.kill(os.getpid(), signal.SIGUSR1)
        >>> arrived.wait(5)
        True
        >>> thread.restore(); seen
        ['SIGUSR1']
    """

    def __init__(self, react: Callable[[signal.Signals], object]) -> None:
        self._react = react
        self._before: dict[signal.Signals, Any] = {}
        self._pipe: tuple[int, int] | None = None

    def install(self) -> None:
        """Begin to handle the signals."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, _leave_to_the_thread)
        _installed.append(self)
        _look_after_forks()
        threading.Thread(target=self._read, args=(self._pipe[0],), daemon=True).start()

    def restore(self) -> None:
        """Handle the signals as before."""
        if self._pipe is None or threading.current_thread() is not threading.main_thread():
            return
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup)
        _installed.remove(self)
        os.write(self._pipe[1], b'\0')  # ends the thread, which closes the other end
        os.close(self._pipe[1])
        self._before, self._pipe = {}, None

    def _read(self, reader: int) -> None:
        while number := os.read(reader, 1)[0]:
            if number in self._before:
                self._call(signal.Signals(number))
        os.close(reader)

    def _call(self, number: signal.Signals) -> None:
        """Call the function; an error of one signal does not keep the next one from arriving."""
        try:
            self._react(number)
        except Exception:
            traceback.print_exc()

    def _leave_to_the_parent(self) -> None:
        """In a forked process, which has the descriptor too, keep its signals to itself."""
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            for end in self._pipe:
                os.close(end)
            self._pipe = None


_installed: list[SignalThread] = []
_mask: list[set[Any]] = []  # of the thread that forks; the import lock admits only one


@cache
def _look_after_forks() -> None:
    """Until a forked process has let go of the descriptor, its signals would be its parent's.

    They wait so long. A scheduler that signals a worker as it starts would otherwise reach the
    training twice, which ends it at once.
    """
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_release_signals, after_in_child=_leave_signals
    )


def _hold_signals() -> None:
    if _installed:
        _mask.append(signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS))


def _release_signals() -> None:
    if _mask:
        signal.pthread_sigmask(signal.SIG_SETMASK, _mask.pop())


def _leave_signals() -> None:
    for thread in _installed:
        thread._leave_to_the_parent()
    _installed.clear()
    _release_signals()


def _leave_to_the_thread(*_: Any) -> None:
    """The handler in the main thread: without one, the signal would have its default effect."""
