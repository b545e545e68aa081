"""What ``tools/train.py`` makes of the words for resuming, without training."""

import pytest
import torch

from conftest import ROOT
from mcl_plugins.cli.train import configure, parse_args
from mcl_plugins.engine.identity import starting_files

CONFIG = str(ROOT / 'configs/quickstart/conmim_finetune.py')
RESUME = {'option': ['--resume'], 'setting': ['--cfg-options', 'resume=True']}


@pytest.fixture
def read(tmp_path):
    def read(*words):
        return configure(**vars(parse_args([CONFIG, '--work-dir', str(tmp_path), *words])))

    return read


@pytest.mark.parametrize('words', RESUME.values(), ids=RESUME)
def test_a_fresh_folder_starts_from_the_pre_training_file(read, words):
    config = read(*words)
    assert not config.resume and config.load_from is None
    assert 'checkpoint' in config.model.backbone.init_cfg


@pytest.mark.parametrize('words', RESUME.values(), ids=RESUME)
def test_a_training_is_gone_on_with(read, words, tmp_path):
    torch.save({}, tmp_path / 'epoch_3.pth')
    config = read(*words)
    assert config.resume and config.load_from == str(tmp_path / 'epoch_3.pth')
    assert 'init_cfg' not in config.model.backbone


def test_a_file_of_the_whole_model_gives_all_weights(read):
    config = read('--resume', '--cfg-options', 'load_from=other/epoch_9.pth')
    assert not config.resume and config.load_from == 'other/epoch_9.pth'
    assert 'init_cfg' not in config.model.backbone


def test_a_folder_that_has_a_run_is_not_started_in(read, tmp_path):
    (tmp_path / 'best_top1_epoch_3.pth').touch()
    (tmp_path / 'epoch_4.pth').touch()
    with pytest.raises(ValueError, match=r'has a run already \(epoch_4.*--resume.*--overwrite'):
        read()
    assert not read('--overwrite').resume
    with pytest.raises(ValueError, match='--overwrite starts anew and --resume continues'):
        read('--overwrite', '--resume', str(tmp_path / 'epoch_4.pth'))


def test_what_the_training_started_from_is_remembered(read, tmp_path):
    """The encoder's file leaves the config, and is compared with the checkpoint's."""
    torch.save({}, tmp_path / 'epoch_3.pth')
    start = 'model.backbone.init_cfg.checkpoint=other.pth'
    config = read('--resume', '--cfg-options', start)
    assert starting_files(config) == {'model.backbone.init_cfg.checkpoint': 'other.pth'}
    assert config.resume_found
    assert not read('--resume', str(tmp_path / 'epoch_3.pth')).resume_found
