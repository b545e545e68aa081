"""Layer-wise learning rates of every architecture that is fine-tuned, parameter by parameter."""

import re

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from zoo import Zoo, above

METHODS = ('ccmim', 'cmae', 'conmim', 'masked_byol', 'masked_moco', 'mimco')
FINETUNING = [
    f'{method}/{name}'
    for method in METHODS
    for name in Zoo(method).names
    if re.match(r'transfer/\w+-(finetune|partial-(0.5|4))_', name)
]
BLOCKS = {'vit-s': 12, 'vit-b': 12, 'vit-l': 24, 'conv-vit-b': 11, 'swin-t': 12, 'swin-b': 24}
OTHER_DEPTHS = {
    'mimco/transfer/in1k-finetune_swin-b.py': dict(
        embed_dims=32, depths=(1, 2, 3, 1), num_heads=(1, 2, 4, 8)
    ),
    'cmae/transfer/in1k-finetune_conv-vit-b.py': dict(
        embed_dims=(16, 24, 48), depths=(1, 2, 5), num_heads=3
    ),
    **{
        f'{method}/transfer/in1k-finetune_vit-b.py': dict(
            embed_dims=48, num_layers=5, num_heads=3, feedforward_channels=96
        )
        for method in ('cmae', 'conmim')
    },
}


def arch_of(name):
    return re.search('|'.join(sorted(BLOCKS, key=len, reverse=True)), name)[0]


def load(name):
    method, _, file = name.partition('/')
    config = Zoo(method).config(file)
    config.model.backbone.init_cfg = None
    return config


def rates_of(config):
    """{parameter: its rate over the highest}, of trained parameters, and the model."""
    with torch.device('meta'):
        model = MODELS.build(config.model)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    peak = config.optim_wrapper.optimizer.lr
    found = [
        (names[id(p)], group['lr'] / peak)
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    ]
    rates = dict(found)
    assert len(rates) == len(found), 'a parameter stands in two groups'
    assert rates.keys() == {name for name, p in model.named_parameters() if p.requires_grad}
    return rates, model


def test_each_method_is_fine_tuned():
    assert {name.partition('/')[0] for name in FINETUNING} == set(METHODS)
    assert {arch_of(name) for name in FINETUNING} == set(BLOCKS)


@pytest.mark.parametrize('name', FINETUNING)
def test_every_trained_parameter_has_the_rate_of_its_layer(name):
    config, blocks = load(name), BLOCKS[arch_of(name)]
    decay = config.optim_wrapper.paramwise_cfg.layer_decay_rate
    rates, model = rates_of(config)
    depths = getattr(model.backbone, 'depths', None) or [len(model.backbone.layers)]
    assert sum(depths) == blocks
    for parameter, rate in rates.items():
        assert rate == pytest.approx(decay ** above(parameter, depths)), parameter
    assert rates['head.fc.weight'] == rates['head.fc.bias'] == 1
    if 'partial' not in name:
        assert min(rates.values()) == pytest.approx(decay ** (blocks + 1))
        assert len({round(rate, 12) for rate in rates.values()}) == blocks + 2


@pytest.mark.parametrize('name', OTHER_DEPTHS)
def test_the_depth_is_that_of_the_config(name):
    config, arch = load(name), OTHER_DEPTHS[name]
    config.model.backbone.arch = arch
    depths = arch.get('depths', [arch.get('num_layers')])
    if 'conv' in name:
        depths = depths[-1:]  # the convolutional stages are one layer
    rates, _ = rates_of(config)
    decay = config.optim_wrapper.paramwise_cfg.layer_decay_rate
    for parameter, rate in rates.items():
        assert rate == pytest.approx(decay ** above(parameter, depths)), parameter
    assert min(rates.values()) == pytest.approx(decay ** (sum(depths) + 1))
