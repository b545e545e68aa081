"""Processes that end while they are listed, and handlers that fail, harm nobody else."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conftest import wait_until
from mcl_plugins.cli.torchrun import started_workers
from mcl_plugins.utils.processes import child_processes, is_running
from mcl_plugins.utils.signals import SignalThread

WAIT = [sys.executable, '-S', '-c', 'input()']


@pytest.fixture
def start():
    """Start a process that waits, and end it after the test."""
    started = []

    def _start(**options):
        started.append(subprocess.Popen(WAIT, stdin=subprocess.PIPE, **options))
        return started[-1].pid

    yield _start
    for process in started:
        process.kill()
        process.communicate()


def test_children_are_listed_with_their_sessions(start):
    before = child_processes()
    same, own = start(), start(start_new_session=True)
    found = {child: session for child, session in child_processes().items() if child not in before}
    assert found == {same: os.getsid(0), own: own}
    assert own in started_workers() and same not in started_workers()


def test_children_that_have_ended_are_left_out(start, monkeypatch):
    """One ends after it was listed, before its session is asked for."""
    stays, ends = start(start_new_session=True), start(start_new_session=True)
    getsid = os.getsid

    def ask(process):
        if process == ends:
            raise ProcessLookupError
        return getsid(process)

    monkeypatch.setattr(os, 'getsid', ask)
    assert child_processes()[stays] == stays and ends not in child_processes()
    assert stays in started_workers() and ends not in started_workers()


@pytest.mark.parametrize('error', [FileNotFoundError, ProcessLookupError])
def test_threads_that_have_ended_are_left_out(start, monkeypatch, error):
    stays, end = start(), threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    read_text = Path.read_text

    def read(file, *args, **kwargs):
        if file.parts[-2] == str(thread.native_id):
            raise error
        return read_text(file, *args, **kwargs)

    monkeypatch.setattr(Path, 'read_text', read)
    try:
        assert stays in child_processes()
    finally:
        end.set()
        thread.join()


def test_numbers_of_processes_that_run():
    assert is_running(os.getpid()) and is_running(1)
    assert not any(map(is_running, (2**22 + 1, 10**30, 0, -1)))


def test_a_handler_that_fails_gets_the_next_signal(capfd):
    arrived = []

    def react(number):
        arrived.append(number)
        raise ProcessLookupError('a child has just ended')

    thread = SignalThread(react)
    thread.install()
    try:
        for count in (1, 2):
            os.kill(os.getpid(), signal.SIGTERM)
            wait_until(lambda count=count: len(arrived) == count)
    finally:
        thread.restore()
    assert arrived == [signal.SIGTERM] * 2
    assert 'a child has just ended' in capfd.readouterr().err
