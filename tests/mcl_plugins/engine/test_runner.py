"""The Runner: console, learning rate, strict loading, resuming; on real files on the disk."""

import logging
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner as MMEngineRunner

from hostile import write_hostile
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.engine.hooks import ScheduleHook
from mcl_plugins.engine.runner import ConsoleFilter, Runner


@pytest.fixture
def config(training_config):
    return training_config


def test_training_moves_student_and_teacher_and_logs_the_monitors(config):
    runner = Runner.from_cfg(config)
    runner.train()
    saved = load_file(f'{config.work_dir}/epoch_1.pth')
    state = saved['state_dict']
    name = 'layers.0.attn.qkv.weight'
    student, teacher = state[f'backbone.{name}'], state[f'ema.backbone.{name}']
    assert not torch.equal(student, teacher)
    scalars = runner.message_hub.log_scalars
    for key in ('loss', 'top1', 'chance', 'key_spread', 'lr', 'data_time', 'time'):
        assert f'train/{key}' in scalars
    (log,) = Path(runner.log_dir).glob('*.log')
    text = log.read_text()
    assert 'eta:' in text and 'key_spread:' in text


@pytest.mark.parametrize('hooks', [{}, dict(momentum=dict(type='mcl_plugins.MomentumHook'))])
def test_teacher_moves_once_an_optimizer_step(config, hooks):
    """An old config has a hook for it, which does nothing any more but say so."""
    config.default_hooks.update(hooks)
    config.optim_wrapper.accumulative_counts = 2
    runner = Runner.from_cfg(config)
    steps, ema = [], runner.model.ema
    ema.schedule = lambda step, total: steps.append((step, total)) or 0.9
    runner.train()
    assert steps == [(1, 4), (3, 4)]
    (log,) = Path(runner.log_dir).glob('*.log')
    assert ('MomentumHook is no longer needed' in log.read_text()) == bool(hooks)


def test_a_loss_that_is_no_number_stops_before_a_checkpoint(config):
    config.default_hooks.finite_loss = dict(type='mcl_plugins.FiniteLossHook')
    runner = Runner.from_cfg(config)
    with torch.no_grad():
        runner.model.backbone.cls_token.fill_(torch.nan)
    runner.model.init_weights = lambda: None  # keep it
    with pytest.raises(FloatingPointError, match='nan at iteration 1 .*No checkpoint'):
        runner.train()
    assert not list(Path(config.work_dir).glob('*.pth'))


def test_resuming_goes_on_where_it_stopped(config):
    config.train_cfg.max_epochs = 2
    Runner.from_cfg(config).train()
    Path(config.work_dir, 'epoch_2.pth').unlink()
    teacher = load_file(f'{config.work_dir}/epoch_1.pth')['state_dict']['ema.backbone.cls_token']
    config.resume = True
    config.experiment_name += '-resumed'
    runner = Runner.from_cfg(config)
    seen = {}

    def remember(self):
        seen.update(epoch=self.epoch, teacher=self.model.ema.backbone.cls_token.clone())

    original = runner.load_or_resume
    runner.load_or_resume = lambda: (original(), remember(runner))
    runner.train()
    assert seen['epoch'] == 1 and torch.equal(seen['teacher'], teacher)
    assert runner.epoch == 2


def test_rate_follows_processes_batch_and_accumulation(config):
    config.auto_scale_lr = dict(enable=True, base_batch_size=32)
    config.optim_wrapper.accumulative_counts = 2
    runner = Runner.from_cfg(config)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, config.auto_scale_lr)
    rates = {group['lr'] for group in runner.optim_wrapper.optimizer.param_groups}
    assert rates == {1e-3 * 8 / 32}
    (log,) = Path(runner.log_dir).glob('*.log')
    assert 'Effective batch 8 = 1 processes x 4 images x 2 accumulated' in log.read_text()


def test_a_checkpoint_of_another_architecture_stops(config, tmp_path):
    runner = Runner.from_cfg(config)
    state = runner.model.state_dict()
    state['backbone.cls_token'] = torch.zeros(1, 1, 96)
    save_file({'state_dict': state, 'meta': {}}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth does not fit the ConMIM'):
        runner.load_checkpoint(str(tmp_path / 'other.pth'))


def test_a_hostile_file_does_not_run(config, tmp_path):
    """Also where no command has made this process safe."""
    file, proof = write_hostile(tmp_path)
    with pytest.raises(ValueError, match=r'hostile\.pth was not loaded'):
        Runner.from_cfg(config).load_checkpoint(str(file))
    assert not proof.exists()


def test_resuming_finds_the_newest_whole_checkpoint(config):
    """``last_checkpoint`` was left empty and the newest file half written by a kill."""
    config.train_cfg.max_epochs = 2
    Runner.from_cfg(config).train()
    folder = Path(config.work_dir)
    (folder / 'last_checkpoint').write_text('')
    (folder / 'epoch_2.pth').write_bytes((folder / 'epoch_2.pth').read_bytes()[:1000])
    config.resume = True
    config.experiment_name += '-resumed'
    runner = Runner.from_cfg(config)
    runner.train()
    (log,) = Path(runner.log_dir).glob('*.log')
    assert f'Load checkpoint from {folder}/epoch_1.pth' in log.read_text()
    assert load_file(folder / 'epoch_2.pth')['meta']['epoch'] == 2


def test_resuming_where_nothing_was_trained_starts_anew(config):
    config.resume = True
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.iter == 4
    (log,) = Path(runner.log_dir).glob('*.log')
    assert 'Load checkpoint' not in log.read_text()
    assert load_file(f'{config.work_dir}/epoch_1.pth')['meta']['epoch'] == 1


def test_a_save_that_is_cut_off_leaves_the_old_file_whole(config, monkeypatch):
    Runner.from_cfg(config).train()
    file = Path(config.work_dir, 'epoch_1.pth')
    before = file.read_bytes()

    def cut_off(content, file):
        file.write(b'half of it')
        raise OSError('No space left on device')

    monkeypatch.setattr(torch, 'save', cut_off)  # the Runner writes without a copy in memory
    config.experiment_name += '-again'
    with pytest.raises(OSError, match='No space'):
        Runner.from_cfg(config).train()
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.glob('epoch_1*')] == ['epoch_1.pth']


def test_models_can_ask_whether_this_runner_trains_them(config):
    """Not so in a training of MMEngine's Runner that goes on with the checkpoint."""
    runner = Runner.from_cfg(config)
    assert runner.message_hub.get_info('mcl_plugins_runner') is True
    runner.train()
    saved = load_file(f'{config.work_dir}/epoch_1.pth')['message_hub']
    assert 'mcl_plugins_runner' not in saved['runtime_info']


def test_the_guard_of_schedules_is_there_once(config):
    config.default_hooks.schedule = dict(type='mcl_plugins.ScheduleHook')
    runner = Runner.from_cfg(config)
    assert sum(isinstance(hook, ScheduleHook) for hook in runner.hooks) == 1


def record(message, level=logging.INFO):
    return logging.LogRecord('x', level, 'file', 1, message, (), None)


def test_console_leaves_long_texts_to_the_file():
    keep = ConsoleFilter().filter
    assert keep(record('Epoch(train) [1][50/100] loss: 4.2'))
    assert not keep(record('Config:\n' + 'a = 1\n' * 50))
    assert not keep(record('paramwise_options -- backbone.cls_token:weight_decay=0.0'))
    assert keep(record('something is wrong\n' * 50, logging.WARNING))


def test_console_shows_tables_of_results():
    """mmseg announces its table of classes, mmdet its list of precisions, in a line of its own."""
    rows = '\n'.join(['|  sky  |  50.0  |'] * 150)
    table = f'+-------+--------+\n{rows}\n+-------+--------+'
    precisions = '\n'.join([' Average Precision  (AP) @[ IoU=0.50:0.95 ] = 0.403'] * 12)
    for text in (table, precisions):
        assert ConsoleFilter().filter(record('\n' + text))


@pytest.mark.parametrize('kind', ['missing', 'empty'])
def test_bad_data_roots_are_named(config, tmp_path, kind):
    root = tmp_path / 'elsewhere'
    if kind == 'empty':
        (root / 'train').mkdir(parents=True)
    config.train_dataloader.dataset.data_root = str(root)
    word = {'missing': 'does not exist', 'empty': 'is empty'}[kind]
    with pytest.raises(
        (FileNotFoundError, ValueError), match=f'elsewhere/train.*{word}.*data_root'
    ):
        Runner.from_cfg(config).train()


def test_stock_runner_takes_the_same_config(config):
    """``mim train`` and mmpretrain's own script use MMEngine's Runner."""
    config.experiment_name += '-stock'
    runner = MMEngineRunner.from_cfg(config)
    runner.train()
    assert load_file(f'{config.work_dir}/epoch_1.pth')['meta']['epoch'] == 1


def test_a_part_of_an_epoch_without_iterations_is_said_in_words(config):
    """Four iterations: an eighth of the epoch is none."""
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, begin=0, end=0.125, convert_to_iter_based=True)
    ]
    with pytest.raises(ValueError, match=r'param_scheduler: .*param_scheduler\.0\.end=1'):
        Runner.from_cfg(config).train()


def test_fewer_images_than_a_batch_are_said_in_words(config):
    config.train_dataloader.batch_size = 32
    config.param_scheduler = dict(type='CosineAnnealingLR', convert_to_iter_based=True)
    with pytest.raises(ValueError, match=r'16 images.*a batch of 32.*batch_size=16 or less'):
        Runner.from_cfg(config).train()
