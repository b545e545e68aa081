"""A process that has just been forked shares no signal with the one that forked it."""

import os
import signal
import time

import pytest

from mcl_plugins.utils.signals import STOP_SIGNALS, SignalThread
from processes import FORKS


def _fork_and_signal(number, seen):
    """Fork with a signal at the first moment of the new process, then signal this one."""
    signal.signal(number, signal.SIG_DFL)  # in the background of a script Ctrl-C is ignored
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), number))
    arrived = []
    thread = SignalThread(arrived.append)
    thread.install()
    child = os.fork()
    if child == 0:
        os._exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    time.sleep(0.3)  # the thread that reads signals has had its turn
    of_the_child = list(arrived)
    os.kill(os.getpid(), number)
    time.sleep(0.3)
    thread.restore()
    seen.put((status, of_the_child, arrived))


@pytest.mark.parametrize('number', STOP_SIGNALS)
def test_a_signal_to_a_process_as_it_starts_is_not_the_parents(number):
    seen = FORKS.SimpleQueue()
    process = FORKS.Process(target=_fork_and_signal, args=(number, seen))
    process.start()
    process.join(60)
    status, of_the_child, arrived = seen.get()
    assert status == 7 and not of_the_child
    assert arrived == [number]
