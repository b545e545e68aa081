"""Values that wait on the device give the history that MMEngine's own updates give."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from torch._subclasses.fake_tensor import FakeTensorMode

from mcl_plugins.cli.benchmark.count import Operations
from mcl_plugins.engine.scalars import MOST_WAITING, DeferredHistory, note_scalar


@pytest.fixture
def values():
    return torch.randn(50, generator=torch.Generator().manual_seed(0))


def noted(values, read_after=()):
    hub = MessageHub('noted')
    for index, value in enumerate(values):
        note_scalar(hub, 'loss', value)
        if index in read_after:
            hub.get_scalar('loss').current()
    return hub.log_scalars['loss']


@pytest.mark.parametrize('read_after', [(), (0, 7, 8), range(50)])
def test_statistics_are_those_of_mmengine(values, read_after):
    """Whenever somebody reads in between."""
    plain = HistoryBuffer()
    for value in values:
        plain.update(value.item())
    history = noted(values, read_after)
    for name in ('mean', 'min', 'max'):
        for window in (None, 7):
            assert history.statistics(name, window) == plain.statistics(name, window)
    assert history.current() == plain.current()
    assert all(map(np.array_equal, history.data, plain.data))


def test_files_and_copies_have_mmengines_kind(values):
    """So that any Runner reads a checkpoint."""
    history = noted(values)
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert type(other) is HistoryBuffer
        assert all(map(np.array_equal, other.data, history.data))


def test_a_resumed_history_goes_on(values):
    hub = MessageHub('resumed')
    hub.log_scalars['loss'] = HistoryBuffer([1.0, 2.0], [1, 1], max_length=3)
    hub._set_resumed_keys('loss', True)
    for value in values[:2]:
        note_scalar(hub, 'loss', value)
    assert hub.get_scalar('loss').data[0].tolist() == [2.0, *values[:2].tolist()]


def test_a_history_can_be_cut(values):
    history = noted(values)
    history._log_history = history._log_history[-3:]
    history._count_history = history._count_history[-3:]
    assert history.data[0].tolist() == values[-3:].tolist()


def test_numbers_and_tensors_mix_and_no_graph_is_kept():
    weight = torch.ones((), requires_grad=True)
    history = DeferredHistory()
    history.update(2 * weight)
    history.update(5)
    assert not history._waiting[0][0].requires_grad
    assert history.data[0].tolist() == [2, 5]


def test_double_precision_is_kept():
    history = DeferredHistory()
    history.update(torch.tensor(1 / 3, dtype=torch.float64))
    assert history.current() == 1 / 3


def test_no_value_is_waited_for_until_one_is_read():
    with FakeTensorMode(), Operations() as operations:
        history = DeferredHistory()
        for _ in range(MOST_WAITING - 1):
            history.update(torch.empty(()))
        assert not operations.counts.syncs
        history.update(torch.empty(()))
    assert operations.counts.syncs
