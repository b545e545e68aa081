"""Checkpoints by time, within an epoch: on all processes, replaced by the next one."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.checkpoint.latest import find_checkpoint
from mcl_plugins.engine import CheckpointHook, Runner
from processes import run_on_two_processes


class Files(Hook):
    """Lists the checkpoints before each iteration."""

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, *_, **__):
        self.seen.append(sorted(file.name for file in Path(runner.work_dir).glob('*.pth')))


def train(config, **hook):
    config.default_hooks.checkpoint = dict(type='mcl_plugins.CheckpointHook', **hook)
    runner = Runner.from_cfg(config)
    files = Files()
    runner.register_hook(files)
    runner.train()
    return files.seen


@pytest.mark.parametrize(('minutes', 'accumulation'), [(1e-9, 1), (1e-9, 2), (60, 1)])
def test_one_file_within_the_epoch(minutes, accumulation, training_config):
    """The second epoch's files leave that of the first one, which max_keep_ckpts counts."""
    training_config.optim_wrapper.accumulative_counts = accumulation
    training_config.train_cfg.max_epochs = 2
    seen = train(training_config, interval=1, max_keep_ckpts=1, minutes=minutes)
    first, second = [[], [], [], []], [['epoch_1.pth']] * 4
    if minutes < 1:
        for done in range(accumulation, 4):
            number = done - done % accumulation
            first[done] = [f'iter_{number}.pth']
            second[done] = ['epoch_1.pth', f'iter_{number + 4}.pth']
    assert seen == first + second
    work = Path(training_config.work_dir)
    assert [file.name for file in work.glob('*.pth')] == ['epoch_2.pth']
    assert load_file(work / 'epoch_2.pth')['meta']['iter'] == 8


def test_iterations_that_are_saved_anyhow_are_saved_once(training_config):
    training_config.train_cfg = dict(by_epoch=False, max_iters=5)
    training_config.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    seen = train(training_config, by_epoch=False, interval=2, max_keep_ckpts=2, minutes=1e-9)
    assert seen == [
        [],
        ['iter_1.pth'],
        ['iter_2.pth'],
        ['iter_2.pth', 'iter_3.pth'],
        ['iter_2.pth', 'iter_4.pth'],
    ]
    work = Path(training_config.work_dir)
    assert sorted(file.name for file in work.glob('*.pth')) == ['iter_4.pth', 'iter_5.pth']


@pytest.mark.parametrize('minutes', [0, -1, float('nan')])
def test_no_time_is_refused(minutes):
    with pytest.raises(ValueError, match='minutes=.*is not positive; None'):
        CheckpointHook(minutes=minutes)


@pytest.mark.parametrize('newest', ['epoch_1.pth', 'iter_6.pth'])
def test_the_newest_is_that_with_the_most_iterations(newest, training_config):
    """Without last_checkpoint, too: the numbers of epochs and of iterations are no one order."""
    train(training_config, interval=1)
    work = Path(training_config.work_dir)
    saved = load_file(work / 'epoch_1.pth')
    saved['meta'].update(iter=6 if newest.startswith('iter') else 3)
    torch.save(saved, work / f'iter_{saved["meta"]["iter"]}.pth')
    (work / 'last_checkpoint').unlink()
    assert Path(find_checkpoint(work)).name == newest


def _save_on_each(rank, config):
    config = Config(config)
    config.launcher = 'pytorch'
    seen = train(config, interval=1, minutes=1e-9)
    Path(config.work_dir, f'rank{rank}').write_text(repr(seen[-1]))


def test_two_processes_save_after_the_same_step(training_config):
    training_config.train_cfg.max_epochs = 3
    run_on_two_processes(_save_on_each, training_config.to_dict())
    work = Path(training_config.work_dir)
    assert 'iter_5.pth' in (work / 'rank0').read_text()
    assert not list(work.glob('iter_*.pth')) and (work / 'epoch_3.pth').exists()
