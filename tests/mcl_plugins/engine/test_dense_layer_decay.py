"""Layer decay inside segmentors and detectors, parameter by parameter on real architectures."""

import re
from pathlib import Path

import mmdet
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS

from mcl_plugins.utils.compat import LinspaceOnHost

DECAY, RATE, WEIGHT_DECAY = 0.7, 1e-3, 0.05
VIT_MAPS = dict(out_type='featmap', out_indices=[3, 5, 7, 11], final_norm=False)
# Encoder, its width at the four maps, and how many blocks its parameters lie in.
ENCODERS = {
    'vit-b': (dict(type='mcl_plugins.VisionTransformer', arch='base', **VIT_MAPS), [768] * 4, 12),
    'beit-b': (dict(type='mcl_plugins.BEiTViT', arch='base', **VIT_MAPS), [768] * 4, 12),
    'conv-vit-b': (dict(type='mcl_plugins.ConvViT', final_norm=False, img_size=512), [768], 11),
    'swin-b': (
        dict(
            type='mcl_plugins.SwinTransformer',
            arch='base',
            out_indices=(0, 1, 2, 3),
            pad_small_map=True,
        ),
        [128, 256, 512, 1024],
        24,
    ),
}


def segmentor(encoder, widths):
    return dict(
        type='mmseg.EncoderDecoder',
        backbone=encoder,
        neck=dict(type='mcl_plugins.ViTPyramid', embed_dims=widths[0]),
        decode_head=dict(
            type='mmseg.FCNHead', in_channels=widths[0], channels=32, num_classes=5, in_index=0
        ),
    )


def detector(encoder, widths):
    path = Path(mmdet.__file__).parent / '.mim/configs/_base_/models/mask-rcnn_r50_fpn.py'
    model = Config.fromfile(path).model.to_dict()
    model['neck']['in_channels'] = widths
    return ConfigDict(model, backbone=encoder, data_preprocessor=None, _scope_='mmdet')


ADAMW = dict(type='AdamW', lr=RATE, weight_decay=WEIGHT_DECAY)
NO_DECAY = dict(cls_token=dict(decay_mult=0.0), pos_embed=dict(decay_mult=0.0))


def optimizer_of(model, optimizer=ADAMW, custom_keys=NO_DECAY, **paramwise):
    config = dict(
        type='mcl_plugins.Bf16OptimWrapper',
        optimizer=optimizer,
        constructor='mcl_plugins.LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(
            layer_decay_rate=DECAY,
            norm_decay_mult=0.0,
            bias_decay_mult=0.0,
            flat_decay_mult=0.0,
            custom_keys=custom_keys,
            **paramwise,
        ),
    )
    return build_optim_wrapper(model, Config(dict(optim_wrapper=config)).optim_wrapper)


def layer_of(name, depths):
    """0 for the stem, i for block i (from 1, through all stages), one more for the rest."""
    block = re.match(r'backbone\.(?:layers|stages\.(\d)\.blocks)\.(\d+)\.', name)
    merging = re.match(r'backbone\.stages\.(\d)\.downsample', name)
    stem = r'backbone\.(patch_embed|cls_token|pos_embed|conv_stages|projection)'
    if block:
        return sum(depths[: int(block[1] or 0)]) + int(block[2]) + 1
    if merging:  # with the last block before it
        return sum(depths[: int(merging[1]) + 1])
    return 0 if re.match(stem, name) else sum(depths) + 1


def groups_by_name(model, wrapper):
    """{parameter name: its group}, each parameter once."""
    names = {id(p): name for name, p in model.named_parameters()}
    found = [(names[id(p)], g) for g in wrapper.optimizer.param_groups for p in g['params']]
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize('container', [segmentor, detector])
@pytest.mark.parametrize('name', ENCODERS)
def test_each_parameter_has_the_rate_of_its_layer(name, container):
    encoder, widths, blocks = ENCODERS[name]
    with torch.device('meta'), LinspaceOnHost():
        model = MODELS.build(container(encoder, widths))
    groups = groups_by_name(model, optimizer_of(model))
    assert set(groups) == {n for n, _ in model.named_parameters()}
    depths = getattr(model.backbone, 'depths', None) or [blocks]
    assert sum(depths) == blocks
    for parameter_name, parameter in model.named_parameters():
        group = groups[parameter_name]
        expected = RATE * DECAY ** (blocks + 1 - layer_of(parameter_name, depths))
        assert group['lr'] == pytest.approx(expected), parameter_name
        plain = parameter.ndim == 1 or parameter_name.endswith(('cls_token', 'pos_embed'))
        assert group['weight_decay'] == (0 if plain else WEIGHT_DECAY), parameter_name
    rates = {group['lr'] for group in groups.values()}
    assert len(rates) == blocks + 2  # the stem, each block, the heads
    assert max(rates) == RATE and min(rates) == pytest.approx(RATE * DECAY ** (blocks + 1))
    # Decayed and not decayed, for each layer at most.
    assert len({id(group) for group in groups.values()}) <= 2 * (blocks + 2)


def test_frozen_parameters_stay_out_of_the_optimizer():
    encoder, widths, _ = ENCODERS['vit-b']
    with torch.device('meta'):
        model = MODELS.build(segmentor(encoder, widths))
    model.backbone.patch_embed.requires_grad_(False)
    groups = groups_by_name(model, optimizer_of(model))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert set(groups) == trained
    assert not any('patch_embed' in name for name in groups)


def test_a_backbone_that_does_not_know_its_layers_is_refused():
    model = torch.nn.Module()
    model.backbone = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match='Linear, which has no get_layer_depth'):
        optimizer_of(model)


def test_custom_keys_multiply_the_rate_of_the_layer():
    """mmseg's idiom; mmpretrain's constructor only stores the factor."""
    encoder, widths, blocks = ENCODERS['vit-b']
    with torch.device('meta'):
        model = MODELS.build(segmentor(encoder, widths))
    keys = {'decode_head': dict(lr_mult=10.0), 'patch_embed': dict(lr_mult=0.5, decay_mult=0.0)}
    groups = groups_by_name(model, optimizer_of(model, custom_keys=keys))
    assert groups['decode_head.conv_seg.weight']['lr'] == pytest.approx(10 * RATE)
    assert groups['neck.upsample_4x.0.weight']['lr'] == pytest.approx(RATE)
    stem = groups['backbone.patch_embed.projection.weight']
    assert stem['lr'] == pytest.approx(0.5 * RATE * DECAY ** (blocks + 1))
    assert stem['weight_decay'] == 0 and not any('lr_mult' in group for group in groups.values())


@pytest.mark.parametrize(('kind', 'default'), [('SGD', 0.0), ('AdamW', 0.01), ('Adam', 0.0)])
def test_an_optimizer_without_weight_decay_has_the_default_of_its_class(kind, default):
    encoder, widths, _ = ENCODERS['vit-b']
    with torch.device('meta'):
        model = MODELS.build(segmentor(encoder, widths))
    groups = groups_by_name(model, optimizer_of(model, optimizer=dict(type=kind, lr=RATE)))
    assert groups['decode_head.conv_seg.weight']['weight_decay'] == default
    assert groups['decode_head.conv_seg.bias']['weight_decay'] == 0


@pytest.mark.parametrize('option', ['bias_lr_mult', 'dwconv_decay_mult', 'norm_decay_mul'])
def test_an_option_that_would_do_nothing_is_refused(option):
    model = torch.nn.Module()
    with pytest.raises(ValueError, match=f'paramwise_cfg has {option}, .*norm_decay_mult'):
        optimizer_of(model, **{option: 0.0})
