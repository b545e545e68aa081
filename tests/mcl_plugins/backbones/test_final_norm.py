"""The final norm that CMAE's target does without."""

import copy

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS

from conftest import ROOT, SMALL_SWIN, SMALL_VIT
from mcl_plugins import backbones


def test_a_vit_loses_the_norm_with_its_weights():
    encoder = MODELS.build(SMALL_VIT)
    before = set(encoder.state_dict())
    encoder.drop_final_norm()
    assert before - set(encoder.state_dict()) == {'ln1.weight', 'ln1.bias'}
    assert not encoder.final_norm


def test_a_swin_says_that_it_has_none():
    """Also as an encoder of one's own that claims to fit CMAE."""

    @MODELS.register_module(force=True)
    class OwnSwin(backbones.SwinTransformer):
        masked_output = 'the visible tokens'

    model = copy.deepcopy(Config.fromfile(ROOT / 'configs/quickstart/cmae.py').model)
    model.backbone = {**SMALL_SWIN, 'type': 'OwnSwin'}
    message = r'OwnSwin has no final norm ln1 that could be removed: use a vision transformer\.'
    with pytest.raises(TypeError, match=message):
        MODELS.build(model)
