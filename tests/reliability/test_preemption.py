"""A signal stops a training after its step, with a checkpoint, on all processes."""

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.registry import METRICS
from torch import distributed as dist

from conftest import wait_until
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.checkpoint.latest import find_checkpoint
from mcl_plugins.engine import Runner
from mcl_plugins.engine.agreement import StepAgreement
from mcl_plugins.engine.hooks import PreemptionHook, preemption
from mcl_plugins.utils.signals import STOP_SIGNALS, STOPPED, Stopped
from processes import FORKS, run_on_two_processes


class Signal(Hook):
    """Sends a signal to its own process after an iteration or a batch of the validation."""

    def __init__(self, number, after, times=1):
        self.number, self.after, self.times = number, after, times

    def send(self, runner):
        """Send the signal, and wait until the thread that reads it has had its turn."""
        (hook,) = [hook for hook in runner.hooks if isinstance(hook, PreemptionHook)]
        os.kill(os.getpid(), self.number)
        wait_until(lambda: hook._asked)
        if self.times == 2:
            time.sleep(1.5 * preemption._TWICE)  # sooner, it would be the same signal
            os.kill(os.getpid(), self.number)
            wait_until(lambda: False)  # that thread ends the process

    def after_train_iter(self, runner, *_, **__):
        if runner.iter + 1 == self.after:
            self.send(runner)

    def after_val_iter(self, runner, batch_idx, *_, **__):
        if self.after == 'validation' and batch_idx == 0:
            self.send(runner)


class Steps(Hook):
    """Counts the iterations that are begun."""

    begun = 0

    def before_train_iter(self, *_, **__):
        self.begun += 1


@METRICS.register_module()
class BatchCount(BaseMetric):
    """Does not look at what the model says."""

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return dict(batches=len(results))


@pytest.fixture
def config(training_config):
    training_config.default_hooks.checkpoint.type = 'mcl_plugins.CheckpointHook'
    return training_config


@pytest.fixture(autouse=True)
def ctrl_c():
    """In the background of a script Ctrl-C is ignored, and would stay so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def train(config, *hooks):
    config.experiment_name += '-again'
    runner = Runner.from_cfg(config)
    for hook in hooks:
        runner.register_hook(hook)
    try:
        runner.train()
    except Stopped as error:
        return error.code, runner
    return 0, runner


@pytest.mark.parametrize('number', STOP_SIGNALS)
def test_the_step_is_finished_and_saved(number, config):
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    steps = Steps()
    status, runner = train(config, Signal(number, after=2), steps)
    assert status == STOPPED == 75 and steps.begun == 2
    work = Path(config.work_dir)
    assert [file.name for file in work.glob('*.pth')] == ['iter_2.pth']
    saved = load_file(work / 'iter_2.pth')
    assert (saved['meta']['epoch'], saved['meta']['iter']) == (0, 2)
    weights = runner.model.state_dict()
    assert all(torch.equal(saved['state_dict'][name], weights[name]) for name in weights)
    assert Path(find_checkpoint(work)).name == 'iter_2.pth'
    assert not (work / 'run.lock').exists()
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_an_accumulated_step_is_finished(config):
    config.optim_wrapper.accumulative_counts = 2
    train(config, Signal(signal.SIGTERM, after=1))
    assert [file.name for file in Path(config.work_dir).glob('*.pth')] == ['iter_2.pth']


def test_the_end_of_an_epoch_has_its_own_checkpoint(config):
    """And the last epoch is not left for a signal in its last step."""
    config.train_cfg.max_epochs = 2
    status, _ = train(config, Signal(signal.SIGTERM, after=4))
    work = Path(config.work_dir)
    assert status == STOPPED and [file.name for file in work.glob('*.pth')] == ['epoch_1.pth']
    config.update(resume=True)
    assert train(config, Signal(signal.SIGTERM, after=8))[0] == 0
    assert (work / 'epoch_2.pth').exists()


def test_the_next_checkpoint_replaces_that_of_the_signal(config):
    train(config, Signal(signal.SIGTERM, after=2))
    config.update(resume=True)
    assert train(config)[0] == 0
    assert [file.name for file in Path(config.work_dir).glob('*.pth')] == ['epoch_1.pth']


@pytest.mark.parametrize(('interval', 'name'), [(1, 'epoch_1.pth'), (2, 'iter_4.pth')])
def test_a_validation_is_left(interval, name, config, monkeypatch):
    config.val_dataloader = config.train_dataloader
    config.update(val_cfg=dict(), val_evaluator=dict(type='BatchCount'))
    config.train_cfg.max_epochs = 2
    config.default_hooks.checkpoint.interval = interval
    runner = Runner.from_cfg(config)
    runner.register_hook(Signal(signal.SIGTERM, after='validation'))
    runner.register_hook(steps := Steps())
    model = runner.model
    monkeypatch.setattr(type(model), 'val_step', lambda self, data: [None], raising=False)
    with pytest.raises(Stopped):
        runner.train()
    assert steps.begun == 4
    work = Path(config.work_dir)
    assert [file.name for file in work.glob('*.pth')] == [name]
    meta = load_file(work / name)['meta']
    assert (meta['epoch'], meta['iter']) == (1, 4)


def test_workers_of_the_loader_outlive_the_signal(config):
    """They get it from torchrun, Slurm and Ctrl-C, and are needed for the batches to the end."""
    config.train_dataloader.update(num_workers=2, persistent_workers=True)
    seen = []

    class Workers(Hook):
        def after_train_iter(self, runner, *_, **__):
            if runner.iter == 0:
                seen.extend(worker.pid for worker in multiprocessing.active_children())
                for number in STOP_SIGNALS:
                    subprocess.run(['kill', f'-{number}', *map(str, seen)], check=True)
                time.sleep(0.2)

    assert train(config, Workers())[0] == 0 and len(seen) == 2
    assert Path(config.work_dir, 'epoch_1.pth').exists()


def test_in_another_thread_no_signal_is_handled(config):
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(train(config)[0]))
    thread.start()
    thread.join()
    assert statuses == [0]


def _train_with_two_signals(config):
    torch.set_num_threads(1)
    train(Config(config), Signal(signal.SIGTERM, after=2, times=2))


def test_the_second_signal_ends_at_once(config):
    process = FORKS.Process(target=_train_with_two_signals, args=(config.to_dict(),))
    process.start()
    process.join(60)
    assert process.exitcode == 128 + signal.SIGTERM
    assert not list(Path(config.work_dir).glob('*.pth'))


GRANTED, APART = 100, 10  # steps in 0.05 s, at most, and those by which processes differ


def _agree(rank, file):
    agreement = StepAgreement('test', seconds=0.05)
    acted = []
    for step in range(1, 500):
        time.sleep(0.0005 * (1 + rank))
        if agreement.reached((step in {20, 180} and rank == 1) or (step == 340 and rank == 0)):
            acted.append(step)
        if step % APART == 0:
            dist.barrier()
    Path(f'{file}{rank}').write_text(repr(acted))


def test_processes_agree_on_a_step(tmp_path):
    """No process is the first; each wish is met when what was granted ends, and not before it."""
    run_on_two_processes(_agree, tmp_path / 'acted')
    first, second = (eval(Path(f'{tmp_path}/acted{rank}').read_text()) for rank in range(2))
    assert first == second and len(first) == 3
    for wish, acted in zip((20, 180, 340), first, strict=True):
        assert wish <= acted <= wish + GRANTED + APART


def _stop_one(rank, config):
    config = Config(config)
    config.update(launcher='pytorch', train_cfg=dict(by_epoch=True, max_epochs=500))
    hooks = [Signal(signal.SIGUSR1, after=3)] if rank == 1 else []
    status, runner = train(config, *hooks)
    assert status == STOPPED
    last = runner.message_hub.get_info('last_ckpt')
    Path(config.work_dir, f'rank{rank}').write_text(last)


def test_all_processes_stop_after_the_same_step(config):
    """Also if only one of them gets the signal; and the file is of that step."""
    run_on_two_processes(_stop_one, config.to_dict())
    work = Path(config.work_dir)
    names = {(work / f'rank{rank}').read_text() for rank in range(2)}
    assert names == {Path(find_checkpoint(work)).name}
