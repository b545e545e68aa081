"""Options of mcl test that a config may not have."""

import pytest

from mcl_plugins.cli.test import configure, main

CONFIG = """
default_scope = '{scope}'
model = dict(type='{model}')
test_cfg = dict()
test_dataloader = dict(
    batch_size=1,
    dataset=dict(type='{data}', pipeline=[dict(type='LoadImageFromFile'), dict(type='{pack}')]))
"""


def write(tmp_path, **names):
    file = tmp_path / 'config.py'
    file.write_text(CONFIG.format(**names))
    return file


def test_tta_of_a_segmentor_without_it_is_refused(tmp_path):
    pytest.importorskip('mmseg.datasets', reason='mmseg needs mmcv ops', exc_type=ImportError)
    names = dict(scope='mmseg', model='EncoderDecoder', data='ADE20KDataset', pack='PackSegInputs')
    file = write(tmp_path, **names)
    message = r'^--tta: this config has no tta_model, .*; run without --tta\.$'
    with pytest.raises(ValueError, match=message):
        main([str(file), str(tmp_path / 'epoch_1.pth'), '--tta'])


def test_tta_of_a_classifier_needs_no_words_in_the_config(tmp_path):
    names = dict(scope='mmpretrain', model='ImageClassifier', data='ImageNet', pack='PackInputs')
    config = configure(write(tmp_path, **names), tmp_path / 'epoch_1.pth', tta=True)
    assert config.model.type == 'mmpretrain.AverageClsScoreTTA'
    assert config.model.module.type == 'ImageClassifier'
    load, augment = config.test_dataloader.dataset.pipeline
    assert (load['type'], augment['type']) == ('LoadImageFromFile', 'TestTimeAug')
    flips, (pack,) = augment['transforms']
    assert sorted(flip['prob'] for flip in flips) == [0, 1] and pack['type'] == 'PackInputs'
