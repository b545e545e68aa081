"""Weights of a training that normalised images otherwise are warned of, wherever loaded."""

import copy
import re

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS
from torch import nn

from conftest import SMALL_VIT
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.engine import statistics
from mcl_plugins.engine.runner import Runner
from mcl_plugins.engine.statistics import warn_of_checkpoint, warn_of_encoders
from mcl_plugins.preprocessors import MultiViewPreprocessor
from mcl_plugins.targets import FrozenTeacher

IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
HALF = dict(mean=[127.5] * 3, std=[127.5] * 3)
OTHERWISE = r'normalised images with mean=\[127\.5, 127\.5, 127\.5\].*data_preprocessor has mean='
# Settings of the training of a checkpoint, and whether a classifier with IMAGENET in RGB is alike.
TRAININGS = [
    (dict(type='mcl_plugins.MultiViewPreprocessor', **IMAGENET), True),
    (dict(type='mcl_plugins.MultiViewPreprocessor', **HALF), False),
    (dict(type='mcl_plugins.MultiViewPreprocessor', bgr_to_rgb=False, **IMAGENET), False),
    (dict(to_rgb=True, mean=[123.68, 116.28, 103.53], std=[58.4, 57.1, 57.4]), True),
    (dict(type='SelfSupDataPreprocessor', **IMAGENET), False),  # BGR
    (dict(type='mcl_plugins.MultiViewPreprocessor', mean=[1.0], std=[2.0]), True),  # of other bands
    (dict(), True),
]


@pytest.fixture
def warned(monkeypatch):
    """What was warned of."""
    lines = []
    monkeypatch.setattr(statistics, 'print_log', lambda line, **_: lines.append(line))
    return lines


def checkpoint(folder, settings):
    """A file of a pre-training with these settings of its data preprocessor."""
    model = MODELS.build(SMALL_VIT)
    tensors = {f'backbone.{name}': tensor for name, tensor in model.state_dict().items()}
    text = Config(dict(data_preprocessor=settings)).pretty_text
    save_file({'state_dict': tensors, 'meta': {'cfg': text}}, folder / 'epoch_1.pth')
    return str(folder / 'epoch_1.pth')


def classifier(file, **settings):
    start = dict(type='Pretrained', checkpoint=file, prefix='backbone.')
    return dict(
        type='ImageClassifier',
        backbone={**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer', 'init_cfg': start},
        head=dict(type='LinearClsHead', num_classes=2, in_channels=48),
        data_preprocessor=settings or dict(to_rgb=True, **IMAGENET),
    )


@pytest.mark.parametrize(('settings', 'alike'), TRAININGS)
def test_an_encoder(tmp_path, warned, settings, alike):
    model = MODELS.build(classifier(checkpoint(tmp_path, settings)))
    model.init_weights()
    warn_of_encoders(model)
    assert not warned if alike else 'the checkpoint of model.backbone' in warned[0]
    assert len(warned) == (not alike)


@pytest.mark.parametrize(('settings', 'alike'), TRAININGS)
def test_a_whole_model(tmp_path, warned, settings, alike):
    model = MODELS.build(classifier(checkpoint(tmp_path, {})))
    text = Config(dict(model=dict(data_preprocessor=settings))).pretty_text
    warn_of_checkpoint(model, 'epoch_1.pth', {'meta': {'cfg': text}})
    assert len(warned) == (not alike)


def test_a_frozen_teacher(tmp_path, warned):
    teacher = {**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer', 'out_type': 'featmap'}
    teacher['init_cfg'] = classifier(checkpoint(tmp_path, HALF))['backbone']['init_cfg']
    model = nn.ModuleDict({'teacher': FrozenTeacher(teacher, how_to_get='train one')})
    model.data_preprocessor = MultiViewPreprocessor(**IMAGENET, views=[[]])
    model['teacher'].init_weights()
    warn_of_encoders(model)
    (line,) = warned
    assert 'the checkpoint of model.teacher' in line and re.search(OTHERWISE, line)


def test_a_training_and_its_start(training_config, tmp_path, warned):
    """The Runner says it of both kinds of starts; going on is compared setting by setting."""
    start = dict(type='Pretrained', checkpoint=checkpoint(tmp_path, HALF), prefix='backbone.')
    training_config.model.backbone = {**SMALL_VIT, 'type': 'mcl_plugins.MaskedBEiTViT'}
    runner = Runner.from_cfg(copy.deepcopy(training_config))
    whole = tmp_path / 'whole.pth'
    text = Config(dict(data_preprocessor=HALF)).pretty_text
    save_file({'state_dict': runner.model.state_dict(), 'meta': {'cfg': text}}, whole)
    runner.load_checkpoint(str(whole))
    assert [str(whole) in line for line in warned] == [True]
    runner._resume = True
    runner.load_checkpoint(str(whole))
    assert len(warned) == 1
    runner.model.backbone.init_cfg = {**start, 'allow_missing': True}
    runner._init_model_weights()
    assert 'the checkpoint of model.backbone' in warned[1]
