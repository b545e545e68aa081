"""The worker's process may end at any moment: that is the error of a measurement."""

import multiprocessing
import os

import pytest

from mcl_plugins.cli.benchmark.on_gpu import worker as workers
from mcl_plugins.cli.benchmark.on_gpu.plan import Measurement


def die_at_once(connection, device):
    """A worker whose imports fail."""
    os._exit(3)


def answer_once(connection, device):
    """A worker that is killed between two measurements."""
    connection.send('ready')
    connection.recv()
    connection.send({'process': os.getpid()})
    os._exit(4)


@pytest.fixture
def worker(monkeypatch):
    monkeypatch.setattr(workers, '_CONTEXT', multiprocessing.get_context('fork'))
    worker = workers.Worker('cpu')
    yield worker
    worker.close()


def test_a_process_that_dies_as_it_starts_is_noted_and_the_others_go_on(worker, monkeypatch):
    monkeypatch.setattr(workers, 'serve', die_at_once)
    assert worker.run(Measurement('a', 'a', {}), 60) == {'error': 'its process ended with status 3'}
    monkeypatch.setattr(workers, 'serve', answer_once)
    assert worker.run(Measurement('b', 'b', {}), 60).keys() == {'process'}


def test_a_process_that_has_ended_before_a_measurement_is_noted(worker, monkeypatch):
    monkeypatch.setattr(workers, 'serve', answer_once)
    first = worker.run(Measurement('a', 'a', {}), 60)
    worker._process.join()  # the pipe is closed: nothing can be sent
    assert worker.run(Measurement('b', 'b', {}), 60) == {'error': 'its process ended with status 4'}
    third = worker.run(Measurement('c', 'c', {}), 60)
    assert third.keys() == {'process'} and third != first
