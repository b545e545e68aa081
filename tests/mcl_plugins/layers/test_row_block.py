"""Blocks that are computed over rows, beside mmpretrain's own."""

import copy

import pytest
import torch
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import nn

from mcl_plugins.layers.beit_attention import FusedBEiTAttention
from mcl_plugins.layers.fused_window_attention import FusedWindowAttention
from mcl_plugins.layers.recompute import RecomputedBlock, RecomputedRowBlock, recompute_blocks
from mcl_plugins.layers.row_block import RowBlock, use_row_blocks
from mcl_plugins.layers.rows import RowSequential, use_row_sequentials
from mcl_plugins.layers.self_attention import SelfAttention
from mcl_plugins.layers.windowed_attention import MapAttention

OPTIONS = {
    'plain': {},
    'drop path': dict(drop_path_rate=0.5),
    'dropout': dict(drop_rate=0.3, drop_path_rate=0.5),
    'layer scale': dict(layer_scale_init_value=0.2, drop_path_rate=0.5),
    'no bias': dict(qkv_bias=False),
}


def step(block, x, train=True):
    """Output of a block, and the gradients of a sum of squares, from the same draws."""
    block.train(train).zero_grad()
    x = x.clone().requires_grad_()
    torch.manual_seed(1)
    output = block(x)
    output.square().sum().backward()
    return [output.detach(), x.grad, *(p.grad for p in block.parameters())]


def both(**options):
    torch.manual_seed(0)
    theirs = TransformerEncoderLayer(24, 3, 48, **options).double()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = copy.deepcopy(theirs)
    use_row_blocks(nn.ModuleList([ours]))
    return theirs, ours


@pytest.mark.parametrize('name', OPTIONS)
@pytest.mark.parametrize('train', [True, False])
def test_outputs_and_gradients_are_mmpretrains(name, train):
    theirs, ours = both(**OPTIONS[name])
    assert type(ours) is RowBlock
    x = torch.randn(6, 5, 24).double()
    for got, wanted in zip(step(ours, x, train), step(theirs, x, train), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def test_drop_path_drops_images_and_in_a_frozen_block_none():
    _, block = both(drop_path_rate=0.5)
    x = torch.randn(64, 5, 24).double()
    changed = (block(x) != x).flatten(1)  # not where both branches were dropped
    assert 0 < changed.all(dim=1).sum() < len(x)
    assert torch.equal(changed.all(dim=1), changed.any(dim=1))
    block.eval()
    assert (block(x) != x).all()


@pytest.mark.parametrize('part', ['ln1', 'attn', 'ln2', 'ffn'])
def test_a_hook_on_a_part_sees_tokens(part):
    """As GradCAM's and those of feature extraction expect; outputs stay the same."""
    _, block = both(layer_scale_init_value=0.2)
    x, seen = torch.randn(2, 5, 24).double(), []
    wanted = block(x)
    module = getattr(block, part)
    handles = [
        module.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape)),
        module.register_forward_hook(lambda _, args, output: seen.append(output.shape)),
    ]
    torch.testing.assert_close(block(x), wanted)
    assert seen == [x.shape] * 2
    for handle in handles:
        handle.remove()
    handle = module.register_full_backward_hook(lambda *_: seen.append('backward'))
    block(x.requires_grad_()).sum().backward()
    assert seen[2:] == ['backward']
    handle.remove()
    block(x)
    assert len(seen) == 3


def test_a_replaced_part_is_called():
    theirs, ours = both()
    x = torch.randn(2, 5, 24).double()
    for block in (theirs, ours):
        block.attn = nn.Sequential(block.attn, nn.Hardtanh())
        block.ffn = nn.Identity()
        block.ffn.forward = lambda x, identity: identity + x
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize('part', ['attn', 'ffn'])
def test_another_forward_is_called(part):
    """As tools that keep attention maps exchange it."""
    _, block = both()
    x = torch.randn(2, 5, 24).double()
    wanted, seen = block(x), []
    module = getattr(block, part)
    forward = module.forward
    module.forward = lambda x, **others: seen.append(x.shape) or forward(x, **others)
    torch.testing.assert_close(block(x), wanted)
    assert seen == [x.shape]
    del module.forward
    module.__class__ = type(
        'Other', (type(module),), {'forward': lambda self, x, identity=0: x + identity}
    )
    assert not torch.allclose(block(x), wanted)


def test_swiglu_keeps_its_block():
    block = TransformerEncoderLayer(24, 3, 48, ffn_type='swiglu_fused')
    wanted = step(copy.deepcopy(block), x := torch.randn(2, 5, 24))
    layers = nn.ModuleList([block])
    use_row_blocks(layers)
    assert type(block) is TransformerEncoderLayer
    for got, expected in zip(step(block, x), wanted, strict=True):
        torch.testing.assert_close(got, expected)
    recompute_blocks(layers)
    assert type(block) is RecomputedBlock


def test_recomputed_rows_have_the_same_gradients():
    _, ours = both(drop_path_rate=0.5)
    x = torch.randn(6, 5, 24).double()
    wanted = step(ours, x)
    recompute_blocks([ours])
    assert type(ours) is RecomputedRowBlock
    for got, expected in zip(step(ours, x), wanted, strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize('images', [0, 1])
@pytest.mark.parametrize(
    ('attention', 'shape'),
    [
        (both(drop_path_rate=0.5)[1].float(), (5, 24)),
        (SelfAttention(24, 3), (5, 24)),
        (RowSequential(nn.Linear(24, 48), nn.Linear(48, 24)), (5, 24)),
        (FusedBEiTAttention(24, 3, (2, 2), use_rel_pos_bias=True), (5, 24)),
        (FusedWindowAttention(24, (2, 2), 3), (4, 24)),
        (MapAttention(24, 3, table_size=(4, 6)), (4, 6, 24)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_batches_without_images_and_of_one(attention, shape, images):
    assert attention(torch.zeros(images, *shape)).shape == (images, *shape)


def test_any_leading_axes():
    theirs = both()[0]
    x = torch.randn(2, 3, 4, 24).double()
    wanted = theirs.ffn(x)
    use_row_sequentials(theirs)
    assert type(theirs.ffn.layers) is RowSequential
    torch.testing.assert_close(theirs.ffn(x), wanted)
