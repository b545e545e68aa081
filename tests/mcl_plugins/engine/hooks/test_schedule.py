"""A training goes on with the batch, rate and length that it began with."""

import itertools
from pathlib import Path

import pytest
import torch
from mmengine.runner import FlexibleRunner
from mmengine.runner import Runner as MMEngineRunner

from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.engine.runner import Runner

COUNT = itertools.count()  # no two runners of a process may have one name


@pytest.fixture
def trained(training_config):
    """The config of a training of two epochs that was stopped after one, and its checkpoint."""
    training_config.train_cfg.max_epochs = 2
    Runner.from_cfg(training_config).train()
    Path(training_config.work_dir, 'epoch_2.pth').unlink()
    return training_config, f'{training_config.work_dir}/epoch_1.pth'


def runner_of(config, kind=Runner, **settings):
    changed = config.copy()
    changed.merge_from_dict(settings)
    changed.experiment_name += f'-{next(COUNT)}'
    return kind.from_cfg(changed)


def test_another_schedule_is_refused_and_named(trained):
    config, file = trained
    cases = {
        r'batch_size.*: 4 in the file, 2 here\n.*epoch.*: 4 in the file, 8 here': {
            'train_dataloader.batch_size': 2
        },
        'accumulative_counts.*: 4 in the file, 8 here': {'optim_wrapper.accumulative_counts': 2},
        'epochs .*max_epochs.: 2 in the file, 3 here': {'train_cfg.max_epochs': 3},
        'optimizer.lr.: 0.001 in the file, 0.002 here': {'optim_wrapper.optimizer.lr': 2e-3},
        'base_batch_size.*: None in the file, 32 here': {
            'auto_scale_lr': dict(enable=True, base_batch_size=32)
        },
    }
    for line, settings in cases.items():
        with pytest.raises(ValueError, match=line) as caught:
            runner_of(config, resume=True, **settings).train()
        assert str(caught.value).startswith(file)
        assert f'load_from={file}' in str(caught.value)


@pytest.mark.parametrize('kind', [MMEngineRunner, FlexibleRunner])
def test_another_runner_compares_too_where_the_config_names_the_hook(trained, kind):
    config, file = trained
    config.default_hooks.schedule = dict(type='mcl_plugins.ScheduleHook')
    config.optim_wrapper.accumulative_counts = 2
    config.env_cfg = dict()  # FlexibleRunner wants one
    with pytest.raises(ValueError, match='accumulative_counts.*: 4 in the file, 8 here') as caught:
        runner_of(config, kind, resume=True, load_from=file).train()
    assert str(caught.value).startswith(file)


def test_another_runner_says_that_its_rate_leaves_out_accumulation(training_config):
    config = training_config
    config.default_hooks.schedule = dict(type='mcl_plugins.ScheduleHook')
    config.auto_scale_lr = dict(enable=True, base_batch_size=32)
    config.optim_wrapper.accumulative_counts = 2
    for kind, said in ((MMEngineRunner, True), (Runner, False)):
        # Logs of one second in one folder would be one file.
        runner = runner_of(config, kind, work_dir=f'{config.work_dir}/{said}')
        runner.train()
        (log,) = Path(runner.log_dir).glob('*.log')
        assert ('is 2 times too small' in log.read_text()) == said


def test_the_instruction_starts_a_new_schedule(trained):
    config, file = trained
    runner = runner_of(config, load_from=file, **{'optim_wrapper.optimizer.lr': 2e-3})
    runner.train()
    assert runner.message_hub.get_scalar('train/lr').current() == 2e-3


def test_a_file_without_the_record_goes_on_as_before(trained):
    config, file = trained
    content = load_file(file)
    del content['meta']['schedule']
    save_file(content, file)
    runner = runner_of(config, resume=True, **{'train_cfg.max_epochs': 3})
    runner.train()
    assert runner.epoch == 3


def test_a_finished_training_has_nothing_to_compare(trained):
    """MimCo's stages are called again with as many processes as there are now."""
    config, _ = trained
    runner_of(config, resume=True).train()
    runner = runner_of(config, resume=True, **{'train_dataloader.batch_size': 2})
    runner.train()
    assert (runner.epoch, runner.iter) == (2, 8)


@pytest.mark.parametrize('without', ['optimizer', 'meta'])
def test_weights_alone_are_no_training_to_go_on_with(trained, without):
    config, file = trained
    content = load_file(file)
    content[without] = {}
    if without == 'optimizer':
        del content['optimizer']
    save_file(content, file)
    with pytest.raises(ValueError, match=r'epoch_1\.pth has weights but no training state'):
        runner_of(config, resume=True, load_from=file).train()


def test_only_training_compares(trained):
    config, file = trained
    runner = runner_of(config, resume=True, **{'train_cfg.max_epochs': 3})
    content = runner.load_checkpoint(file)
    name = 'backbone.cls_token'
    assert torch.equal(runner.model.state_dict()[name], content['state_dict'][name])


def test_training_by_iterations_compares_their_number(training_config):
    config = training_config
    config.train_cfg = dict(by_epoch=False, max_iters=2)
    config.train_dataloader.sampler = dict(type='InfiniteSampler')
    config.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=2)
    Runner.from_cfg(config).train()
    with pytest.raises(ValueError, match=r'iterations .*max_iters.: 2 in the file, 4 here'):
        runner_of(config, resume=True, **{'train_cfg.max_iters': 4}).train()
