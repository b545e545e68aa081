"""One option starts a training from a model of other classes."""

import pytest
from mmengine.config import Config

from conftest import ROOT
from mcl_plugins.cli.train import configure, set_whole_model

CONFIG = ROOT / 'configs/conmim/transfer/in1k-finetune_vit-b.py'


def test_one_option_is_enough(tmp_path):
    """The encoder is not read from a file of its own."""
    options = {'model.init_cfg.checkpoint': 'iter_160000.pth'}
    config = configure(CONFIG, work_dir=tmp_path, cfg_options=options)
    assert config.model.init_cfg == dict(type='Pretrained', checkpoint='iter_160000.pth')
    assert 'init_cfg' not in config.model.backbone


def config(**settings):
    model = dict(
        init_cfg=dict(checkpoint='whole.pth'),
        backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='encoder.pth')),
    )
    return Config(dict(model=model, **settings))


def test_resuming_needs_only_its_checkpoint():
    resumed = config(load_from='iter_9.pth', resume=True)
    set_whole_model(resumed)
    assert 'init_cfg' not in resumed.model and 'init_cfg' not in resumed.model.backbone


def test_two_whole_models_are_refused():
    message = r'load_from=other\.pth and model\.init_cfg\.checkpoint=whole\.pth are both set'
    with pytest.raises(ValueError, match=message):
        set_whole_model(config(load_from='other.pth'))


@pytest.mark.parametrize('init', [None, [dict(type='TruncNormal', layer='Linear', std=0.02)]])
def test_other_initialisations_stay(init):
    plain = config()
    plain.model.init_cfg = init
    set_whole_model(plain)
    assert plain.model.init_cfg == init
    assert plain.model.backbone.init_cfg.checkpoint == 'encoder.pth'
