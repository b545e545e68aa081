"""A training goes on with the batch, rate and length that it began with."""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import CosineAnnealingLR, LinearLR, OptimWrapper
from mmengine.runner import FlexibleRunner
from mmengine.runner import Runner as MMEngineRunner

from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.engine.hooks.schedule import compare_states
from mcl_plugins.engine.optim import Bf16OptimWrapper
from mcl_plugins.engine.runner import Runner

COUNT = itertools.count()  # no two runners of a process may have one name


@pytest.fixture
def trained(training_config):
    """The config of a training of two epochs that was stopped after one, and its checkpoint."""
    training_config.train_cfg.max_epochs = 2
    training_config.optim_wrapper.optimizer.weight_decay = 0.01
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
        'optimizer.weight_decay.*: 0.01 in the file, 0.3 here': {
            'optim_wrapper.optimizer.weight_decay': 0.3
        },
        'base_batch_size.*: None in the file, 32 here': {
            'auto_scale_lr': dict(enable=True, base_batch_size=32)
        },
    }
    for line, settings in cases.items():
        with pytest.raises(ValueError, match=line) as caught:
            runner_of(config, resume=True, **settings).train()
        assert str(caught.value).startswith(file)
        assert f'load_from={file}' in str(caught.value)


def states(lr=1e-3, paramwise=(0.0, 0.05), warm_up=1, floor=0.1, **settings):
    """Optimizer and schedulers as a Runner has them when it is to load a checkpoint's."""
    layer = torch.nn.Linear(2, 2)
    groups = [
        dict(params=[parameter], weight_decay=decay)
        for parameter, decay in zip(layer.parameters(), paramwise, strict=False)
    ]
    optimizer = torch.optim.AdamW(groups, lr=lr, **settings)
    schedulers = [
        LinearLR(optimizer, start_factor=0.1, end=warm_up),
        CosineAnnealingLR(optimizer, T_max=3 - warm_up, begin=warm_up, end=3, eta_min_ratio=floor),
    ]
    return SimpleNamespace(
        optim_wrapper=SimpleNamespace(optimizer=optimizer), param_schedulers=schedulers
    )


@pytest.mark.parametrize(
    ('settings', 'lines'),
    [
        ({}, ''),
        (dict(paramwise=(0.0, 0.3)), 'weight_decay .*: 0.05 in the file, 0.3 here'),
        (dict(betas=(0.9, 0.95)), r'betas .*: \(0.9, 0.999\) in the file, \(0.9, 0.95\) here'),
        (dict(lr=1e-2), r'lr .*: 0.001 in the file, 0.01 here'),
        (
            dict(paramwise=(0.3,)),
            r'groups .*: 2 in the file, 1 here\nweight.*: \[0.0, 0.05\] in the file, \[0.3\] here',
        ),
        (
            dict(warm_up=2),
            r'end \(.*scheduler.0.end\): 1 in the file, 2 here\ntotal_iters .*\nT_max .*\nbegin .*',
        ),
        (dict(floor=0.2), r'eta_min_ratio \(param_scheduler.1.*\): 0.1 in the file, 0.2 here'),
    ],
)
def test_all_that_the_states_override_is_named(settings, lines):
    """Optimizer and schedulers are loaded with all their settings, not with the rate alone."""
    before = states()
    for scheduler in before.param_schedulers:
        before.optim_wrapper.optimizer.step()
        scheduler.step()
    checkpoint = dict(
        optimizer=before.optim_wrapper.optimizer.state_dict(),
        param_schedulers=[scheduler.state_dict() for scheduler in before.param_schedulers],
    )
    found = '\n'.join(compare_states(checkpoint, states(**settings), consequences=False))
    assert re.fullmatch(lines, found)


def test_the_settings_of_the_loss_scaler_are_compared():
    """Its scale and the steps since the last growth are what it has found out."""

    def scaler(**settings):
        return torch.amp.GradScaler('cpu', **settings)

    before, here = states(), states()
    before.loss_scaler, here.optim_wrapper.loss_scaler = scaler(init_scale=4.0), scaler()
    checkpoint = dict(optimizer=before.optim_wrapper.optimizer.state_dict(), param_schedulers=None)
    checkpoint['optimizer']['loss_scaler'] = before.loss_scaler.state_dict()
    assert compare_states(checkpoint, here, consequences=False) == []
    here.optim_wrapper.loss_scaler = scaler(growth_interval=500, backoff_factor=0.25)
    assert compare_states(checkpoint, here, consequences=False) == [
        'backoff_factor (optim_wrapper.loss_scale.backoff_factor): 0.5 in the file, 0.25 here',
        'growth_interval (optim_wrapper.loss_scale.growth_interval): 2000 in the file, 500 here',
    ]
    del here.optim_wrapper.loss_scaler  # from float16 to bfloat16: there is nothing to override
    assert compare_states(checkpoint, here, consequences=False) == []


def test_settings_of_the_wrapper_that_no_state_has_are_used_and_listed(trained):
    config, _ = trained
    runner = runner_of(
        config,
        resume=True,
        **{'optim_wrapper.clip_grad': dict(max_norm=1e-9), 'optim_wrapper.type': 'OptimWrapper'},
    )
    said = []
    runner.logger.warning = said.append
    runner.train()
    (listed,) = [text for text in said if 'hold from here on' in text]
    assert 'optim_wrapper.clip_grad.max_norm: not set in the file, 1e-09 here' in listed
    assert 'type: mcl_plugins.Bf16OptimWrapper in the file, OptimWrapper here' in listed
    assert isinstance(runner.optim_wrapper, OptimWrapper)
    assert not isinstance(runner.optim_wrapper, Bf16OptimWrapper)
    assert runner.message_hub.get_scalar('train/grad_norm').current() > 0
    assert runner.epoch == 2


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


def test_another_runner_says_that_it_repeats_a_part_of_an_epoch(training_config):
    config = training_config
    config.default_hooks.checkpoint.update(by_epoch=False, interval=3)
    Runner.from_cfg(config).train()
    config.default_hooks.schedule = dict(type='mcl_plugins.ScheduleHook')
    file = f'{config.work_dir}/iter_3.pth'
    for kind, length in ((MMEngineRunner, 7), (Runner, 4)):
        runner = runner_of(
            config, kind, resume=True, load_from=file, work_dir=f'{config.work_dir}/{length}'
        )
        runner.train()
        (log,) = Path(runner.log_dir).glob('*.log')
        assert ('this Runner repeats 3 iterations' in log.read_text()) == (length == 7)
        assert runner.iter == length


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


@pytest.mark.parametrize('merged', [False, True], ids=['MMEngine', 'merged'])
def test_a_state_of_parameters_in_another_order_is_refused(training_config, merged):
    """As in MimCo's files of before 0.2, the averaged copy comes before the last parts."""
    config = training_config
    config.train_cfg.max_epochs = 2
    if not merged:
        config.optim_wrapper.pop('constructor')
        config.optim_wrapper.pop('paramwise_cfg')
    Runner.from_cfg(config).train()
    file = Path(config.work_dir, 'epoch_1.pth')
    Path(config.work_dir, 'epoch_2.pth').unlink()
    content = load_file(file)
    tensors = content['state_dict']
    names = sorted(tensors, key=lambda name: not name.startswith('ema.'))
    content['state_dict'] = {
        name.replace('ema.', 'teacher.'): tensors[name] for name in names if name in tensors
    }
    save_file(content, file)
    runner = runner_of(config, resume=True)
    if merged:  # the optimizer has only what is trained, whose order is the same
        runner.train()
        assert runner.epoch == 2
        return
    with pytest.raises(ValueError, match=r'in another order \(parameters: ema\..*load_from='):
        runner.train()
