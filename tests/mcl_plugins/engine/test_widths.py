"""An encoder of another width than what takes its features is named before the first step."""

import copy

import pytest
from mmpretrain.registry import MODELS
from torch import nn

from conftest import SMALL, SMALL_SWIN, SMALL_VIT
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
