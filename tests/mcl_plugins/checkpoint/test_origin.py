"""The heads of the network that a file was trained as, read out of its config."""

import pytest
import torch
from mmengine.config import Config

from conftest import ROOT
from mcl_plugins.backbones import SwinTransformer, VisionTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.checkpoint.origin import check_heads, read_arch

SIZES = dict(embed_dims=24, num_layers=2, feedforward_channels=48)


def content_of(arch):
    config = Config(dict(model=dict(type='X', backbone=dict(type='Y', arch=arch)), lr=1e-3))
    return {'meta': {'cfg': config.pretty_text}}


@pytest.mark.parametrize('config', ['masked_moco/vit-s', 'cmae/vit-b', 'quickstart/ccmim'])
def test_it_is_what_the_config_says(config):
    config = Config.fromfile(ROOT / f'configs/{config}.py')
    assert read_arch({'meta': {'cfg': config.pretty_text}}) == config.model.backbone.arch


def test_another_number_of_heads_stops(tmp_path):
    """The tensors have the same shapes."""
    source = VisionTransformer(dict(**SIZES, num_heads=2), 32, 8)
    weights = {f'backbone.{name}': tensor for name, tensor in source.state_dict().items()}
    file = tmp_path / 'epoch_1.pth'
    save_file({**content_of(dict(**SIZES, num_heads=2)), 'state_dict': weights}, file)
    init = dict(type='Pretrained', checkpoint=str(file), prefix='backbone.')
    VisionTransformer(dict(**SIZES, num_heads=2), 32, 8, init_cfg=init).init_weights()
    model = VisionTransformer(dict(**SIZES, num_heads=4), 32, 8, init_cfg=init)
    with pytest.raises(ValueError, match='trained with 2 attention heads, and this encoder has 4'):
        model.init_weights()


def test_names_of_architectures_are_looked_up():
    with torch.device('meta'):
        small = VisionTransformer('small')
    check_heads(small, content_of('small'), 'x.pth')
    with pytest.raises(ValueError, match="12 attention heads.*arch='mocov3-small'"):
        check_heads(small, content_of('mocov3-small'), 'x.pth')


@pytest.mark.parametrize(
    'text',
    [None, 'no python (', 'lr = 1', 'model = 3', "model = dict(backbone=dict(type='X'))",
     'model = dict(backbone=dict(arch=open("x")))'],
)  # fmt: skip
def test_files_that_say_nothing_are_not_compared(text):
    encoder = VisionTransformer(dict(**SIZES, num_heads=4), 32, 8)
    check_heads(encoder, {'meta': {'cfg': text}} if text else {}, 'x.pth')
    check_heads(encoder, {'meta': text}, 'x.pth')


def test_other_encoders_are_not_compared():
    arch = dict(embed_dims=16, depths=(1, 1), num_heads=(2, 4))
    swin = SwinTransformer(arch, img_size=32, patch_size=2, window_size=4)
    check_heads(swin, content_of(dict(**SIZES, num_heads=8)), 'x.pth')
