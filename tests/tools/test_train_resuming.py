"""What ``tools/train.py`` makes of the words for resuming, without training."""

import pytest
import torch

from conftest import ROOT
from mcl_plugins.cli.train import configure, parse_args

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
