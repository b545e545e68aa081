"""An encoder of another width than what takes its features is named before the first step."""

import copy

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS
from torch import nn

from conftest import ROOT, SMALL, SMALL_SWIN, SMALL_VIT
from mcl_plugins.engine.runner import Runner
from mcl_plugins.engine.widths import check_widths


def test_a_neck_of_another_width_is_named(training_config):
    training_config.model.neck.in_channels = 64
    message = r'model\.neck takes .* width 64, but .*MaskedBEiTViT\) gives 48: set .*in_channels=48'
    with pytest.raises(ValueError, match=message):
        Runner.from_cfg(training_config).train()


@pytest.mark.parametrize(
    ('backbone', 'neck', 'width'),
    [
        ({**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer'}, None, 48),
        (dict(type='mcl_plugins.SwinTransformer', **SMALL_SWIN), 'GlobalAveragePooling', 32),
    ],
)
def test_a_head_of_another_width_is_named(backbone, neck, width):
    config = dict(type='ImageClassifier', backbone=backbone, neck=neck and dict(type=neck))
    for in_channels in (width, 7):
        head = dict(type='LinearClsHead', num_classes=3, in_channels=in_channels)
        model = MODELS.build(copy.deepcopy({**config, 'head': head}))
        if in_channels == width:
            check_widths(model)
        else:
            with pytest.raises(ValueError, match=rf'model\.head .* 7, but .* gives {width}'):
                check_widths(model)


def test_what_fits_or_is_not_known_is_left_alone():
    check_widths(MODELS.build(copy.deepcopy(SMALL)))
    check_widths(nn.Linear(2, 2))


@pytest.mark.parametrize('kind', ['Masked{}', 'MaskedMoCo{}'])
def test_a_classifier_does_not_take_an_encoder_of_pre_training(kind):
    backbone = {**SMALL_VIT, 'type': f'mcl_plugins.{kind.format("ViT")}'}
    head = dict(type='LinearClsHead', num_classes=3, in_channels=48)
    model = MODELS.build(dict(type='ImageClassifier', backbone=backbone, head=head))
    with pytest.raises(
        ValueError, match=r"is a Masked.*ViT, .*type='mcl_plugins.VisionTransformer"
    ):
        check_widths(model)


@pytest.mark.parametrize('name', ['cmae', 'ccmim', 'masked_byol', 'mimco', 'mimco_teacher'])
def test_projectors_and_predictors_of_every_method(name):
    config = Config.fromfile(ROOT / f'configs/quickstart/{name}.py').model
    config.pop('teacher', None)
    wrong = 0
    places = ['patch_contrast', 'image_contrast'] if name == 'mimco' else [None]
    if name == 'mimco':
        config.teacher = dict(backbone={**config.backbone, 'type': 'mcl_plugins.SwinTransformer'})
        config.teacher.backbone.pop('mask_token', None)
    check_widths(MODELS.build(copy.deepcopy(config)))
    for place in places:
        for part in ('projector', 'predictor'):
            model = copy.deepcopy(config)
            target = (model[place] if place else model).get(part)
            if target is None:
                continue
            wide, target.in_channels = target.in_channels, target.in_channels + 8
            full = f'{place}.{part}' if place else part
            with pytest.raises(ValueError, match=rf'{full}.*set .*{part}\.in_channels={wide}'):
                check_widths(MODELS.build(model))
            wrong += 1
    assert wrong == {'ccmim': 1, 'mimco': 4}.get(name, 2)
