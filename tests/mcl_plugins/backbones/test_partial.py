"""Partial fine-tuning: exactly the last blocks learn, and frozen ones do not drop paths."""

import pytest
import torch
from mmpretrain.registry import MODELS

SMALL = dict(
    type='mcl_plugins.VisionTransformer',
    arch=dict(embed_dims=24, num_layers=4, num_heads=3, feedforward_channels=48),
    img_size=32,
    patch_size=8,
    drop_path_rate=0.5,
    final_norm=False,
    out_type='avg_featmap',
)


def build(blocks, **changes):
    model = MODELS.build({**SMALL, 'trained_blocks': blocks, **changes})
    model.init_weights()
    return model


def parts(model):
    """First two levels of the names of what is trained."""
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    return {'.'.join(name.split('.')[:2]) if 'layers' in name else name.split('.')[0]
            for name in names}  # fmt: skip


@pytest.mark.parametrize(
    ('blocks', 'trained'),
    [
        (0, set()),
        (1, {'layers.3', 'ln2'}),
        (2, {'layers.2', 'layers.3', 'ln2'}),
        (3, {'layers.1', 'layers.2', 'layers.3', 'ln2'}),
    ],
)
def test_the_last_blocks_and_what_follows_them_learn(blocks, trained):
    assert parts(build(blocks)) == trained


@pytest.mark.parametrize('blocks', [4, None])
def test_all_blocks_are_fine_tuning(blocks):
    model = build(blocks)
    assert all(p.requires_grad for p in model.parameters())
    model.train()
    assert all(module.training for module in model.modules())


def test_half_a_block_is_its_mlp():
    model = build(0.5)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    mlp = {f'layers.3.{name}' for name, _ in model.layers[3].named_parameters()
           if name.startswith(('ln2.', 'ffn.'))}  # fmt: skip
    assert trained == mlp | {'ln2.weight', 'ln2.bias'} and len(mlp) == 6


def test_a_final_norm_learns_with_the_last_block():
    assert 'ln1' in parts(build(1, final_norm=True, out_type='cls_token'))
    assert parts(build(0, final_norm=True, out_type='cls_token')) == set()


@pytest.mark.parametrize(('blocks', 'fixed'), [(0, True), (0.5, False), (2, False)])
def test_frozen_blocks_stay_in_evaluation_mode(blocks, fixed):
    """With stochastic depth in the trained part alone, features below it are always the same."""
    model = build(blocks)
    model.train()
    assert model.training
    images, seen = torch.randn(8, 3, 32, 32), []
    first = model.layers[3].ln2 if blocks == 0.5 else model.layers[-int(blocks) or 0]
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    outputs = [model(images)[-1] for _ in range(2)]
    assert torch.equal(*seen)
    assert torch.equal(*outputs) == fixed
    model.eval()
    assert not any(module.training for module in model.modules())


def test_only_what_is_trained_moves():
    model = build(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    model(torch.randn(4, 3, 32, 32))[-1].square().sum().backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1).step()
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert moved and all(name.startswith(('layers.3.', 'ln2.')) for name in moved)


@pytest.mark.parametrize('blocks', [5, -1, 1.5])
def test_other_numbers_are_an_error(blocks):
    with pytest.raises(ValueError, match=f'trained_blocks={blocks} must be .* the 4 blocks'):
        build(blocks)
