"""Configs of wrapped data sets: what is within them, and each image once."""

import pytest
from mmengine.config import Config
from mmengine.dataset import RepeatDataset

from mcl_plugins.cli.decoder import decoder_of
from mcl_plugins.cli.test import use_test_time_augmentation
from mcl_plugins.own.probe import probe_for
from mcl_plugins.own.wrapped import each_once, unwrapped
from mcl_plugins.utils.places import home

STEPS = [dict(type='mcl_plugins.LoadImageFromFile', color_type='unchanged', bit_depth=12)]
LEAF = dict(type='ImageFolder', pipeline=STEPS)
EMPTY = dict(type='ImageFolder')
WRAPPED = {
    'repeated': dict(type='RepeatDataset', times=2, dataset=LEAF),
    'repeated, by class': dict(type=RepeatDataset, times=2, dataset=LEAF),
    'balanced': dict(type='mmengine.ClassBalancedDataset', oversample_thr=0.1, dataset=LEAF),
    'mixed': dict(type='mmdet.MultiImageMixDataset', pipeline=[dict(type='Mosaic')], dataset=LEAF),
    'joined': dict(type='ConcatDataset', datasets=[LEAF]),
    'a fold': dict(type='KFoldDataset', fold=1, dataset=LEAF),
    'nested': dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(
            type='ConcatDataset',
            datasets=[EMPTY, dict(type='RepeatDataset', times=2, dataset=LEAF)],
        ),
    ),
}
INNER = dict(type='ImageFolder', pipeline=['evaluation'])
ONCE = {
    'joined': dict(type='ConcatDataset', datasets=[INNER]),
    'a fold': dict(type='KFoldDataset', fold=1, dataset=INNER),
    'nested': dict(type='ConcatDataset', datasets=[INNER, INNER]),
}


@pytest.mark.parametrize('name', WRAPPED)
def test_what_repeats_is_left_out_and_what_joins_or_chooses_stays(name):
    config = Config(dict(dataset=WRAPPED[name]))
    before = config.to_dict()
    assert each_once(config.dataset, ['evaluation']) == ONCE.get(name, INNER)
    assert config.to_dict() == before


@pytest.mark.parametrize('name', WRAPPED)
def test_files_are_read_as_the_steps_within_say(name):
    decoder = decoder_of(Config(dict(dataset=WRAPPED[name])))
    assert decoder.bands is None and decoder.depth.bits == 12
    config = Config.fromfile(home() / 'configs/conmim/vit-s.py')
    config.train_dataloader.dataset = WRAPPED[name]
    hook = probe_for(config, 'labelled')
    for split in ('train', 'val'):
        assert hook[f'{split}_dataloader']['dataset']['pipeline'][0]['bit_depth'] == 12


def test_augmentations_of_a_test_reach_the_data_sets_within_wrappers():
    steps = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    parts = [dict(type='A', pipeline=steps), dict(type='KFoldDataset', dataset=dict(type='B'))]
    joined = dict(type='ConcatDataset', datasets=parts)
    config = Config(dict(model=dict(type='C'), test_dataloader=dict(dataset=joined)))
    use_test_time_augmentation(config)
    for part in unwrapped(config.test_dataloader.dataset):
        assert [step['type'] for step in part['pipeline']] == ['LoadImageFromFile', 'TestTimeAug']
