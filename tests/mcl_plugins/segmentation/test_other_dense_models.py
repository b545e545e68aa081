"""Trained dense encoders go into models for images of another size or with other bands."""

import pytest
import torch
from mmengine.runner import load_checkpoint
from torch.nn import functional as F

from mcl_plugins.backbones import DenseViT, MaskedConvViT, MaskedViT, SwinTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.detection import CAEViT, MIMDetViT, ViTDet, WindowedConvViT
from mcl_plugins.layers.position_tables import resize_axis, resize_table
from mcl_plugins.segmentation import DenseBEiTViT, DenseConvViT, HybridPyramid, RelativeViT

ARCH = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=48)
HYBRID = dict(embed_dims=(8, 12, 24), depths=(1, 1, 4), num_heads=2)
SWIN = dict(embed_dims=16, depths=(1, 1), num_heads=(2, 4))
VIT = dict(arch=ARCH, out_indices=(3,))
WINDOWED = dict(arch=ARCH, window_size=2, global_blocks=(1, 3))
ENCODERS = {
    'plain': (DenseViT, VIT),
    'beit': (DenseBEiTViT, VIT),
    'relative': (RelativeViT, VIT),
    'cae': (CAEViT, VIT),
    'hybrid': (DenseConvViT, dict(arch=HYBRID)),
    'windowed hybrid': (WindowedConvViT, dict(arch=HYBRID, window_size=2, global_blocks=(1, 3))),
    'vitdet': (ViTDet, WINDOWED),
    'mimdet': (MIMDetViT, WINDOWED),
    'swin': (SwinTransformer, dict(arch=SWIN, window_size=4)),
}


def build(name, **settings):
    kind, own = ENCODERS[name]
    return kind(**{'img_size': 64, **own, **settings})


def resized(name, table, shape):
    """What the model of another size has in place of a table."""
    if name.endswith(('rel_pos_h', 'rel_pos_w')):
        return F.interpolate(table.T[None], shape[0], mode='linear')[0].T
    shared = name.startswith(('window_bias', 'global_bias'))
    return resize_table(table, shape[0], 'bicubic' if shared else 'spline')


@pytest.mark.parametrize('way', ['init_cfg', 'mmengine'])
@pytest.mark.parametrize('side', [32, 96])
@pytest.mark.parametrize('name', ENCODERS)
def test_every_tensor_goes_into_a_model_for_another_image_size(tmp_path, name, side, way, capsys):
    source, path = build(name), str(tmp_path / 'iter_1.pth')
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.normal_()
    save_file({'state_dict': {f'backbone.{k}': v for k, v in source.state_dict().items()}}, path)
    model = build(name, img_size=side, init_cfg=dict(
        type='Pretrained', checkpoint=path, prefix='backbone.'
    ))  # fmt: skip
    if way == 'init_cfg':
        model.init_weights()
    else:  # prints what does not fit and goes on, also in MMSegInferencer
        load_checkpoint(torch.nn.ModuleDict({'backbone': model}), path, 'cpu', strict=False)
        assert 'mismatch' not in capsys.readouterr().out
    given = source.state_dict()
    for parameter, value in model.state_dict().items():
        if parameter == 'pos_embed' or parameter.endswith('_index'):
            continue
        expected = given[parameter]
        if expected.shape != value.shape:
            expected = resized(parameter, expected, value.shape)
        torch.testing.assert_close(value, expected, msg=lambda text, p=parameter: f'{p}: {text}')
    assert all(torch.isfinite(o).all() for o in model.eval()(torch.randn(1, 3, side, side)))


def test_a_model_of_another_window_goes_in_as_well():
    source = build('mimdet')
    torch.nn.init.normal_(source.window_bias.relative_position_bias_table)
    model = build('mimdet', window_size=4)
    model.load_state_dict(source.state_dict())
    table = model.window_bias.relative_position_bias_table
    expected = resize_table(source.window_bias.relative_position_bias_table.data, 49, 'bicubic')
    torch.testing.assert_close(table.data, expected)


def test_tables_of_an_axis_keep_lines():
    line = torch.arange(-6.0, 7)[:, None].expand(13, 3)
    longer = resize_axis(line, 39)
    torch.testing.assert_close(longer[1:-1].diff(dim=0), torch.full((36, 3), 1 / 3))
    assert resize_axis(line, 13) is line


@pytest.mark.parametrize('bands', [1, 4])
@pytest.mark.parametrize('name', ENCODERS)
def test_dense_encoders_take_the_bands_of_their_pre_training(tmp_path, name, bands):
    model = build(name, in_channels=bands)
    assert model(torch.randn(1, bands, 64, 64))[-1].isfinite().all()
    if name not in ('plain', 'hybrid', 'windowed hybrid', 'vitdet', 'mimdet'):
        return
    hybrid = 'hybrid' in name
    kind, arch = (MaskedConvViT, HYBRID) if hybrid else (MaskedViT, ARCH)
    source = kind(arch=arch, img_size=64, in_channels=bands)
    tensors = {f'backbone.{k}': v for k, v in source.state_dict().items()}
    save_file({'state_dict': tensors}, tmp_path / 'pre.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'pre.pth'), prefix='backbone.')
    model = build(name, in_channels=bands, init_cfg=init_cfg)
    model.init_weights()
    first = 'patch_embeds.0' if hybrid else 'patch_embed'
    weight = source.get_submodule(first).projection.weight
    assert torch.equal(model.get_submodule(first).projection.weight, weight)


def test_a_map_smaller_than_the_hybrids_convolution_is_refused():
    neck = HybridPyramid(24)
    with pytest.raises(ValueError, match=r'images of 32 x 48 px.* set img_size .* to 48 or more'):
        neck([torch.zeros(1, 24, 2, 3)])
    assert neck([torch.zeros(2, 24, 3, 3)])[-1].shape == (2, 24, 1, 1)
