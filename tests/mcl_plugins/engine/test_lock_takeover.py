"""A training that takes over the lock of another one says whose it was."""

import json
import platform

import pytest

from mcl_plugins.engine import run_lock
from mcl_plugins.engine.run_lock import hold

NOBODY = 2**22 + 1  # a number that no process has


@pytest.fixture
def said(monkeypatch):
    """What goes to the log of the training."""
    lines = []

    def write(text, logger):
        assert logger == 'current'
        lines.append(text)

    monkeypatch.setattr(run_lock, 'print_log', write)
    return lines


@pytest.fixture
def leave(tmp_path):
    """Leave the lock of a process that is dead."""

    def write(host):
        file = tmp_path.resolve() / 'run.lock'
        file.write_text(json.dumps(dict(host=host, pid=NOBODY, since='yesterday')))
        return file

    return write


def test_a_dead_process_is_named(tmp_path, said, leave):
    file, host = leave(platform.node()), platform.node()
    with hold(tmp_path):
        pass
    owner = f'process {NOBODY} on {host} (since yesterday)'
    assert said == [f'{file}: {owner} is dead; going on without it.']


def test_the_wait_for_another_machine_is_announced(tmp_path, said, leave, monkeypatch):
    monkeypatch.setattr(run_lock, 'PATIENCE', 0.1)
    file = leave('elsewhere')
    with hold(tmp_path):
        pass
    waits, dead = said
    assert waits == f'{file} is of another machine; waiting 0.1 s for a sign of life.'
    assert dead.startswith(f'{file}: process {NOBODY} on elsewhere ')


def test_nothing_is_said_of_a_free_folder(tmp_path, said):
    with hold(tmp_path), hold(tmp_path):
        pass
    assert said == []
