"""A process that has just been forked shares no signal with the one that forked it."""

import os
import signal

import pytest

from conftest import wait_until
from mcl_plugins.utils.signals import STOP_SIGNALS, SignalThread
from processes import FORKS


def _fork_and_signal(number, seen):
    """Fork with a signal at the first moment of the new process, then signal this one.

    This process gets another signal before and after its own. What has arrived between them is all
    that there was, because they arrive in their order.
    """
    other = next(each for each in STOP_SIGNALS if each != number)
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_DFL)  # in the background of a script Ctrl-C is ignored
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), number))
    arrived = []
    thread = SignalThread(arrived.append)
    thread.install()
    child = os.fork()
    if child == 0:
        os._exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for count, mine in enumerate((other, number, other), start=1):
        os.kill(os.getpid(), mine)
        wait_until(lambda count=count: len(arrived) >= count)
    thread.restore()
    seen.put((status, other, arrived))


@pytest.mark.parametrize('number', STOP_SIGNALS)
def test_a_signal_to_a_process_as_it_starts_is_not_the_parents(number):
    seen = FORKS.SimpleQueue()
    process = FORKS.Process(target=_fork_and_signal, args=(number, seen))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    status, other, arrived = seen.get()
    assert status == 7
    assert arrived == [other, number, other]
