"""mcl predict of a segmentor and a detector; that of a classifier is in own/test_init.py."""

import json

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

from mcl_plugins.cli.common import load_config
from mcl_plugins.cli.predict import find_trained, predict


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    return tmp_path / 'photo.png'


def save_random(name, classes, file):
    """Write a checkpoint of the config's model with random weights."""
    config = load_config(name)
    init_default_scope(config.default_scope)
    config.model.backbone.pop('init_cfg', None)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    meta = {'dataset_meta': {'classes': classes}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, file)


def test_segmentor(photo, tmp_path):
    name, classes = 'quickstart/scenes_upernet.py', tuple('abcdef')
    save_random(name, classes, tmp_path / 'model.pth')
    out = predict(name, [photo], tmp_path / 'model.pth', tmp_path / 'out')
    with Image.open(out / 'maps/00000_photo.png') as image:
        labels = np.asarray(image)
    assert labels.shape == (96, 128) and labels.max() < len(classes)
    with Image.open(out / '00000_photo.png') as picture:
        drawn = np.asarray(picture.convert('RGB'))
    assert drawn.shape == (96, 128, 3) and not np.array_equal(drawn, Image.open(photo))


def test_detector(photo, tmp_path):
    name, classes = 'quickstart/scenes_mask-rcnn.py', tuple('abcde')
    save_random(name, classes, tmp_path / 'model.pth')
    out = predict(name, [photo], tmp_path / 'model.pth', tmp_path / 'out', score=0.06)
    found = json.loads((out / 'predictions.json').read_text())
    assert found and {each['class'] for each in found} <= set(classes)
    for each in found:
        left, top, right, bottom = each['box']
        assert 0 <= left < right <= 128 and 0 <= top < bottom <= 96 and each['score'] >= 0.06
    assert (out / '00000_photo.png').is_file()


def test_what_is_missing_is_named(photo, tmp_path):
    with pytest.raises(ValueError, match='is a pre-training config'):
        predict('conmim/vit-s.py', [photo])
    config = load_config('own/classifier_vit-s.py', work_dir=tmp_path)
    with pytest.raises(
        FileNotFoundError, match='has no checkpoint: train the model with mcl train'
    ):
        find_trained(config)
