"""A training that waits for its data says so, and no other."""

import re
import time

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.runner import LogProcessor as TheirLogProcessor

from mcl_plugins.engine.log_processor import LogProcessor, waiting_share
from mcl_plugins.engine.runner import Runner


def log_of(config, monkeypatch, load, step):
    """Train with stated seconds for a batch and a step; return the last line of the log."""
    lines = []
    config.train_dataloader.num_workers = 0
    config.train_cfg.max_epochs = 3
    config.default_hooks.logger = dict(type='LoggerHook', interval=1)
    runner = Runner.from_cfg(config)
    clock = [0.0]
    monkeypatch.setattr(time, 'time', lambda: clock[0])
    pipeline = Compose.__call__

    def slow_load(self, data):
        clock[0] += load / config.train_dataloader.batch_size
        return pipeline(self, data)

    train_step = runner.model.train_step

    def slow_step(*args, **kwargs):
        clock[0] += step
        return train_step(*args, **kwargs)

    monkeypatch.setattr(Compose, '__call__', slow_load)
    monkeypatch.setattr(runner.model, 'train_step', slow_step)
    monkeypatch.setattr(runner.logger, 'info', lines.append)
    runner.train()
    return [line for line in lines if 'Epoch(train)' in str(line)][-1]


@pytest.mark.parametrize(('load', 'step', 'percent'), [(3, 5, 38), (2, 98, None), (0, 1, None)])
def test_the_share_of_waiting_is_in_the_line(training_config, monkeypatch, load, step, percent):
    line = log_of(training_config, monkeypatch, load, step)
    said = re.findall(r'data-bound (\d+) %', line)
    assert said == ([] if percent is None else [str(percent)])


def test_one_long_wait_is_no_bound():
    assert waiting_share(np.array([60.0, 0, 0]), np.array([61.0, 1, 1])) == 0
    assert waiting_share(np.array([60.0]), np.array([61.0])) == 0
    assert waiting_share(np.zeros(0), np.zeros(0)) == 0
    assert waiting_share(np.zeros(3), np.zeros(3)) == 0


def test_a_processor_that_the_config_names_stays(training_config):
    assert isinstance(Runner.from_cfg(training_config).log_processor, LogProcessor)
    training_config.log_processor = dict(type='LogProcessor', window_size=3)
    training_config.experiment_name = 'theirs'
    processor = Runner.from_cfg(training_config).log_processor
    assert type(processor) is TheirLogProcessor and processor.window_size == 3
