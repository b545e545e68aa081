"""No checkpoint of a network of NaNs, and advice that helps."""

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mcl_plugins.algorithms import ConMIM
from mcl_plugins.engine.hooks import FiniteLossHook
from mcl_plugins.engine.runner import Runner

HOOK = dict(type='mcl_plugins.FiniteLossHook', interval=50)  # of an earlier config


def test_stops_before_the_first_step_of_a_training_by_iterations(training_config):
    config = training_config
    config.train_cfg = dict(by_epoch=False, max_iters=4)
    config.train_dataloader.sampler = dict(type='InfiniteSampler')
    config.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=2)
    config.default_hooks.finite_loss = HOOK
    runner = Runner.from_cfg(config)
    with torch.no_grad():
        runner.model.backbone.cls_token.fill_(torch.nan)
    runner.model.init_weights = lambda: None  # keep it
    with pytest.raises(
        FloatingPointError, match=r'nan at iteration 1 .*cls_token is not.*clip_grad'
    ):
        runner.train()
    assert not list(Path(config.work_dir).glob('*.pth'))


def test_weights_that_the_last_step_spoilt_are_not_saved():
    """Its loss was still a number. A buffer that the new model has as NaNs is not looked at."""
    model = torch.nn.BatchNorm1d(3)
    model.running_mean[0] = torch.nan
    runner, hook = SimpleNamespace(model=model, work_dir='work', cfg={}), FiniteLossHook()
    hook.before_run(runner)
    hook.before_save_checkpoint(runner, {'state_dict': model.state_dict()})
    with torch.no_grad():
        model.bias[1] = torch.nan
    with pytest.raises(FloatingPointError, match='bias is not finite'):
        hook.before_save_checkpoint(runner, {'state_dict': model.state_dict()})


def test_clipping_takes_effect_when_a_training_is_resumed(training_config):
    """It is what the hook advises; a smaller rate would be refused."""
    training_config.train_cfg.max_epochs = 2
    Runner.from_cfg(training_config).train()
    Path(training_config.work_dir, 'epoch_2.pth').unlink()
    training_config.merge_from_dict({'resume': True, 'optim_wrapper.clip_grad.max_norm': 1})
    training_config.experiment_name += '-resumed'
    runner = Runner.from_cfg(training_config)
    runner.train()
    assert runner.epoch == 2
    assert 'train/grad_norm' in runner.message_hub.log_scalars


@pytest.mark.parametrize('bad', [(), (2, 3)])
def test_the_end_of_a_training_says_how_many_steps_were_skipped(training_config, monkeypatch, bad):
    """Nobody reads a warning in the middle of a long log."""
    numbers, losses = count(1), ConMIM.losses

    def spoilt(self, *views):
        factor = torch.nan if next(numbers) in bad else 1.0
        return {name: value * factor for name, value in losses(self, *views).items()}

    monkeypatch.setattr(ConMIM, 'losses', spoilt)
    training_config.log_level = 'INFO'
    training_config.default_hooks.finite_loss = dict(
        type='mcl_plugins.FiniteLossHook', max_bad_steps=2
    )
    Runner.from_cfg(training_config).train()
    (log,) = Path(training_config.work_dir).glob('*/*.log')
    text = log.read_text()
    assert text.count('The step is skipped') == len(bad)
    assert text.count('steps were skipped') == bool(bad)
    if bad:
        summary = '2 of 4 steps were skipped because they were not finite.'
        assert text.index(summary) > text.rindex('The step is skipped')
