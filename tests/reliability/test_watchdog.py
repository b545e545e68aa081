"""A process that hangs says where, after the time that a setting states, and ends all."""

import os
import re
import threading
import time
from pathlib import Path

import pytest
from faults import write_config

from mcl_plugins.engine.hooks import WatchdogHook
from processes import mcl


def soon(since):
    """A watchdog that allows two seconds for a batch and for those after it."""
    return dict(type='LateWatchdog', seconds=2, since=since)


@pytest.mark.parametrize('workers', [0, 1])
def test_a_loader_that_hangs_is_named(workers, training_config):
    loader = training_config.train_dataloader
    loader.num_workers = workers
    loader.dataset.pipeline.insert(0, dict(type='HangingTransform'))
    file = write_config(training_config, custom_hooks=[soon('batch 3 of epoch 1')])
    result = mcl('train', file)
    work = Path(training_config.work_dir)
    assert result.returncode == 1 and '(PID ' in result.stderr
    assert 'process 0 of 1' in result.stderr and 'made no progress for 2 s' in result.stderr
    assert 'it waits for batch 3 of epoch 1, iteration 3, from its data loader' in result.stderr
    assert 'default_hooks.watchdog.seconds' in result.stderr
    (stacks,) = work.glob('*/hang_rank0.txt')
    assert str(stacks) in result.stderr
    where = 'faults.py' if workers == 0 else '_try_get_data'
    assert where in stacks.read_text()
    assert not (work / 'epoch_1.pth').exists()


def test_a_hang_of_one_process_ends_both(training_config):
    """The one that hangs says so, and the other does not list what the libraries say."""
    hooks = [soon('batch 1 of epoch 2'), dict(type='Fault', fault='hangs', rank=1)]
    result = mcl('train', write_config(training_config, custom_hooks=hooks), processes=2)
    assert result.returncode != 0
    where = 'it is at batch 1 of epoch 2, iteration 3, in .*/faults.py:'
    assert re.search(f'process 1 of 2 .* made no progress for 2 s: {where}', result.stderr)
    assert 'Traceback' not in result.stderr


def test_time_that_the_process_is_stopped_does_not_count(tmp_path, monkeypatch):
    """After SIGSTOP and SIGCONT the clock has jumped."""
    ended = []
    monkeypatch.setattr(os, '_exit', ended.append)
    hook = WatchdogHook(seconds=1)
    clock = iter([0.0, 0.3, 5000.0, 5000.3])
    monkeypatch.setattr(time, 'monotonic', lambda: next(clock))
    hook._report = lambda *_: ended.append('reported')

    class Ended:
        waits = iter([False, False, False, True])

        def wait(self, _):
            return next(self.waits)

    hook._look(Ended(), 1, threading.get_ident())
    assert not ended


@pytest.mark.parametrize('seconds', [0, -5])
def test_no_time_is_refused(seconds):
    with pytest.raises(ValueError, match='seconds=.* of the WatchdogHook is not positive'):
        WatchdogHook(seconds=seconds)
