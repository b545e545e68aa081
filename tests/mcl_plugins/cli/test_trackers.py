"""One option for each experiment tracker."""

import importlib.util
import os

import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS

from mcl_plugins.cli import trackers
from mcl_plugins.cli.parsers.general import train as parse
from mcl_plugins.cli.train import configure


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object())
    for variable in ('WANDB_MODE', 'CLEARML_OFFLINE_MODE', 'MLFLOW_TRACKING_URI', 'AIM_REPO'):
        monkeypatch.setenv(variable, '')
        monkeypatch.delenv(variable)
    return Config(dict(work_dir=str(tmp_path / 'run')), filename='configs/conmim/vit-s.py')


def backends(config):
    return {each['type']: each for each in config.visualizer.vis_backends}


def test_each_tracker_is_a_backend_of_mmengine_with_the_names_of_the_run(config, tmp_path):
    names = list(trackers.TRACKERS)
    trackers.add_trackers(config, names)
    found = backends(config)
    assert list(found) == ['LocalVisBackend', *(kind for kind, *_ in trackers.TRACKERS.values())]
    for part in found.values():
        VISBACKENDS.build({**part, 'save_dir': str(tmp_path)})  # the arguments are its own
    assert found['WandbVisBackend']['init_kwargs']['name'] == 'conmim/vit-s in run'
    assert found['ClearMLVisBackend']['init_kwargs']['task_name'] == 'conmim/vit-s in run'
    assert found['AimVisBackend']['init_kwargs']['repo'] == str(tmp_path / 'run')
    assert found['MLflowVisBackend']['run_name'] == 'run'
    assert found['MLflowVisBackend']['tracking_uri'] == f'sqlite:///{tmp_path}/run/mlflow.db'
    assert 'WANDB_MODE' not in os.environ
    trackers.add_trackers(config, names)
    assert len(config.visualizer.vis_backends) == 6


def test_a_server_is_used_unless_the_run_is_offline(config, monkeypatch):
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://server')
    trackers.add_trackers(config, ['mlflow'])
    assert backends(config)['MLflowVisBackend']['tracking_uri'] == 'http://server'
    config.visualizer.vis_backends = []
    trackers.add_trackers(config, ['wandb', 'mlflow', 'clearml'], offline=True)
    assert backends(config)['MLflowVisBackend']['tracking_uri'].startswith('sqlite:')
    assert os.environ['WANDB_MODE'] == 'offline' and os.environ['CLEARML_OFFLINE_MODE'] == '1'


def test_a_missing_library_and_a_lonely_option_are_named(tmp_path, monkeypatch):
    kind, _, *more = trackers.TRACKERS['wandb']
    monkeypatch.setitem(trackers.TRACKERS, 'wandb', (kind, 'not_installed', *more))
    arguments = vars(parse(['quickstart/conmim.py', '--log', 'wandb']))
    with pytest.raises(ValueError, match='wandb is not installed.*pip install wandb'):
        configure(**{**arguments, 'work_dir': str(tmp_path)})
    with pytest.raises(ValueError, match='--offline is for --log'):
        configure('quickstart/conmim.py', offline=True, work_dir=str(tmp_path))
