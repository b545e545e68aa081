"""mcl preflight checks the training that mcl train would run with the same arguments."""

import pytest
import torch

from mcl_plugins.cli.preflight.run import check, rehearsal
from parsers import parser_of


@pytest.fixture
def path(training_config, tmp_path):
    """The file of a small training."""
    config = training_config
    config.data_preprocessor = config.model.pop('data_preprocessor')
    file = tmp_path / 'config.py'
    config.dump(file)
    return file


@pytest.fixture
def faults(path, monkeypatch):
    """The faults of the training with other arguments, which is not begun.

    Attributes:
        begun: the configs of those that would have been begun.
    """

    def begin(config):
        _faults.begun.append(config)
        raise ValueError('not begun')

    monkeypatch.setattr('mcl_plugins.cli.preflight.run.build_runner', begin)

    def _faults(**options):
        found = check(path, **options)
        return {
            part.subject: f'{part.text} {part.remedy}' for part in found if part.level == 'fault'
        }

    _faults.begun = []
    return _faults


def test_the_arguments_are_those_of_a_training():
    """A rehearsal that resumed would change what the run to be continued has kept."""
    of_training, of_preflight = (
        {option for action in parser_of(name)._actions for option in action.option_strings}
        for name in ('train', 'preflight')
    )
    assert of_training - of_preflight == {'--resume'}


def test_the_weights_of_the_encoder_are_looked_for(faults):
    found = faults(init_from='/no/mae.pth')
    assert 'init_cfg.checkpoint: /no/mae.pth does not exist' in found['weights']


def test_what_a_training_refuses_is_a_fault(faults, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert '--amp trains in float16 on a GPU' in faults(amp=True)['config']
    assert '--offline is for --log' in faults(offline=True)['config']


def test_a_run_that_is_to_be_overwritten_is_no_fault(faults, tmp_path):
    (tmp_path / 'work').mkdir()
    checkpoint = tmp_path / 'work/epoch_1.pth'
    checkpoint.touch()
    assert 'work dir' in faults()
    assert 'work dir' not in faults(overwrite=True)
    assert checkpoint.exists()


def test_the_training_that_is_begun_has_the_probe(faults, tmp_path):
    faults(probe_data=str(tmp_path / 'labels'), log=['tensorboard'])
    (config,) = faults.begun
    probe = config.custom_hooks[-1]
    assert probe.type == 'mcl_plugins.ProbeHook'
    assert probe.train_dataloader.dataset.data_root == str(tmp_path / 'labels')
    assert config.visualizer.vis_backends == [dict(type='LocalVisBackend')]


def test_a_rehearsal_leaves_nothing_where_the_checkpoints_go(training_config, tmp_path):
    """A training of a few steps writes them while it is rehearsed."""
    training_config.default_hooks.checkpoint.out_dir = 's3://runs'
    begun = rehearsal(training_config, str(tmp_path), timeout=60)
    assert begun.default_hooks.checkpoint.out_dir is None
    assert training_config.default_hooks.checkpoint.out_dir == 's3://runs'
