"""A method that is given an encoder of another class says which it needs, when it is built."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from conftest import ROOT, SMALL_SWIN, SMALL_VIT
from mcl_plugins import backbones

VIT = {key: SMALL_VIT[key] for key in ('arch', 'img_size', 'patch_size')}
ENCODERS = {
    'ResNet': dict(type='ResNet', depth=18),
    'SwinTransformer': {**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer'},
    'VisionTransformer': dict(type='mcl_plugins.VisionTransformer', **VIT, out_type='raw'),
    'MaskedViT': SMALL_VIT,
    'MaskedMoCoViT': dict(type='mcl_plugins.MaskedMoCoViT', **VIT),
    'MaskedBEiTViT': dict(type='mcl_plugins.MaskedBEiTViT', **VIT),
    'SimMIMViT': dict(type='mcl_plugins.SimMIMViT', **VIT),
    'SimMIMSwin': {**SMALL_SWIN, 'type': 'mcl_plugins.SimMIMSwin'},
}
# Config of a method -> the encoders that fit it.
FIT = {
    'quickstart/conmim': {'MaskedBEiTViT'},
    'quickstart/cmae': {'MaskedViT', 'MaskedMoCoViT', 'MaskedConvViT'},
    'quickstart/ccmim': {'MaskedViT', 'MaskedMoCoViT'},
    'quickstart/masked_moco': {'MaskedViT', 'MaskedMoCoViT'},
    'quickstart/masked_byol': {'MaskedViT', 'MaskedMoCoViT'},
    'quickstart/mimco': {'SimMIMSwin', 'SimMIMViT'},
}


def model_of(name):
    return copy.deepcopy(Config.fromfile(ROOT / f'configs/{name}.py').model)


@pytest.mark.parametrize('name', FIT)
def test_other_encoders_are_refused_by_name_with_those_that_fit(name):
    model = model_of(name)
    method = model.type.rpartition('.')[2]
    for encoder in ENCODERS.keys() - FIT[name]:
        model.backbone = ENCODERS[encoder]
        with pytest.raises(ValueError) as caught:
            MODELS.build(model)
        text = str(caught.value)
        assert text.startswith(f'{method} needs an encoder')
        assert f'but model.backbone is a {encoder}, which ' in text
        offered = text.partition('set model.backbone.type to ')[2].partition(', or masked')[0]
        assert {part.removeprefix('mcl_plugins.') for part in offered.split(' or ')} == FIT[name]


@pytest.mark.parametrize('encoder', ['VisionTransformer', 'MaskedViT', 'MaskedBEiTViT'])
def test_tokens_are_nothing_for_the_projector_of_moby(encoder):
    model = model_of('moby/swin-t')
    model.backbone = ENCODERS[encoder]
    with pytest.raises(ValueError, match=f'MoBY needs .* is a {encoder}, .*SwinTransformer or'):
        MODELS.build(model)


@pytest.mark.parametrize(
    ('encoder', 'width'), [('ResNet', 512), ('SwinTransformer', 32), ('SimMIMSwin', 32)]
)
def test_moby_takes_any_encoder_of_maps(encoder, width):
    model = model_of('moby/swin-t')
    model.backbone = ENCODERS[encoder]
    model.projector.in_channels = width
    built = MODELS.build(model)
    assert type(built.backbone).__name__ == encoder
    losses = built.loss([torch.randn(2, 3, 32, 32) for _ in range(2)], [])
    assert built.parse_losses(losses)[0].isfinite()


def test_an_encoder_of_ones_own_states_what_it_returns():
    @MODELS.register_module(force=True)
    class OwnEncoder(backbones.MaskedViT):
        masked_output = None

    model = model_of('quickstart/cmae')
    model.backbone.type = 'OwnEncoder'
    with pytest.raises(ValueError, match="OwnEncoder, which takes no mask.*='the visible tokens'"):
        MODELS.build(model)
    OwnEncoder.masked_output = 'the visible tokens'
    assert isinstance(MODELS.build(model).backbone, OwnEncoder)


@pytest.mark.parametrize('encoder', ['MaskedViT', 'MaskedMoCoViT', 'MaskedBEiTViT', 'SimMIMViT'])
def test_what_the_encoders_state_is_what_they_return(encoder):
    model = MODELS.build(ENCODERS[encoder]).eval()
    hidden = torch.arange(16).expand(2, 16) < 12
    with torch.no_grad():
        (output,) = model(torch.zeros(2, 3, 32, 32), backbones.vit.PatchMask.from_mask(hidden))
    shapes = {
        'the visible tokens': (2, 5, 48),
        'all tokens': (2, 17, 48),
        'one map': (2, 48, 4, 4),
    }
    assert output.shape == shapes[model.masked_output]
