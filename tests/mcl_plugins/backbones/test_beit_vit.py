"""The ViT against mmpretrain's, its masking, its initial weights and its refusals."""

import copy
import math

import numpy as np
import pytest
import torch
from mmpretrain.models.backbones import BEiTViT as ReferenceBEiT
from mmpretrain.models.selfsup.beit import BEiTPretrainViT
from mmpretrain.models.utils import BEiTAttention

from mcl_plugins.backbones import BEiTViT, MaskedBEiTViT
from mcl_plugins.layers.beit_attention import FusedBEiTAttention
from mcl_plugins.layers.position_tables import expand_shared_table, geometric_offsets, resize_table
from mcl_plugins.mask_generators import PatchMask, RandomMask

ARCH = dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=96)
SIZES = dict(arch=ARCH, img_size=32, patch_size=8)


def randomised(model):
    """Give every parameter, the zero ones too, a value that matters."""
    with torch.no_grad():
        for param in model.parameters():
            param.normal_(std=0.3)
    return model


@pytest.mark.parametrize('masked', [False, True])
def test_outputs_and_gradients_equal_mmpretrains_attention(masked):
    reference = randomised(BEiTPretrainViT(**SIZES)).double()
    ours = MaskedBEiTViT(**SIZES).double()
    ours.load_state_dict(reference.state_dict())
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    mask = RandomMask(0.5)(4, (4, 4), images.device) if masked else None
    masks = (mask.mask, mask) if masked else (None, None)  # mmpretrain's takes a tensor
    results = []
    for model, given in zip((reference, ours), masks, strict=True):
        (tokens,) = model(images, given)
        tokens.square().sum().backward()
        results.append(tokens)
    torch.testing.assert_close(results[1], results[0])
    for (name, param), other in zip(ours.named_parameters(), reference.parameters(), strict=True):
        if param.grad is None:  # the mask token, without a mask
            assert not masked and name == 'mask_token'
        else:
            torch.testing.assert_close(param.grad, other.grad, rtol=1e-6, atol=1e-8)


def test_bias_has_the_layout_that_fused_kernels_take():
    own = BEiTViT(**SIZES).layers[0].attn.position_bias(None)
    shared = MaskedBEiTViT(**SIZES).rel_pos_bias()
    assert own.is_contiguous() and shared.is_contiguous()


def test_another_initialisation_is_honoured():
    model = BEiTViT(**SIZES, init_cfg=dict(type='Constant', layer='Conv2d', val=0.5))
    model.init_weights()
    assert (model.patch_embed.projection.weight == 0.5).all()


def test_fine_tuning_form_equals_mmpretrains():
    reference = randomised(ReferenceBEiT(**SIZES)).double()
    ours = BEiTViT(**SIZES).double()
    ours.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(ours(images), reference(images))


def test_hidden_pixels_change_nothing_and_visible_ones_do():
    model = randomised(MaskedBEiTViT(**SIZES))
    images = torch.randn(2, 3, 32, 32)
    mask = RandomMask(0.5)(2, (4, 4), images.device)
    pixels = mask.mask.view(2, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    noise = torch.randn_like(images)
    (before,) = model(images, mask)
    (hidden_changed,) = model(torch.where(pixels, noise, images), mask)
    (visible_changed,) = model(torch.where(pixels, images, noise), mask)
    assert torch.equal(before, hidden_changed)
    assert (before - visible_changed).abs().max() > 1e-3


def test_no_mask_equals_a_mask_of_nothing():
    model = randomised(MaskedBEiTViT(**SIZES))
    images = torch.randn(2, 3, 32, 32)
    nothing = PatchMask.from_mask(torch.zeros(2, 16, dtype=torch.bool))
    torch.testing.assert_close(model(images, None)[0], model(images, nothing)[0])


def test_initial_weights_are_the_released_ones():
    model = MaskedBEiTViT(arch='small', img_size=224)
    with torch.no_grad():
        for name, param in model.named_parameters():
            if 'norm' not in name and 'ln' not in name and 'gamma' not in name:
                param.fill_(math.nan)  # whatever init_weights leaves out shows
        model.rel_pos_bias.relative_position_bias_table.zero_()
        for layer in model.layers:
            layer.attn.q_bias.zero_()
            layer.attn.v_bias.zero_()
    model.init_weights()
    # A normal of deviation s cut at +-s has deviation 0.5396 s.
    for depth, layer in enumerate(model.layers, start=1):
        for weight, divisor in (
            (layer.attn.qkv.weight, 1),
            (layer.ffn.layers[0][0].weight, 1),
            (layer.attn.proj.weight, math.sqrt(2 * depth)),
            (layer.ffn.layers[1].weight, math.sqrt(2 * depth)),
        ):
            assert weight.abs().max() <= 0.02 / divisor + 1e-6
            assert weight.std().item() == pytest.approx(0.5396 * 0.02 / divisor, rel=0.02)
        assert not layer.ffn.layers[0][0].bias.any() and not layer.attn.q_bias.any()
        assert torch.equal(layer.gamma_1, torch.full_like(layer.gamma_1, 0.1))
    for token in (model.cls_token, model.mask_token):
        assert 0 < token.abs().max() <= 0.02
    assert not model.rel_pos_bias.relative_position_bias_table.any()
    assert not any(param.isnan().any() for param in model.parameters())


def test_drop_path_acts_once_on_each_branch():
    torch.manual_seed(1)
    model = MaskedBEiTViT(**SIZES, drop_path_rate=0.5)
    layer = model.layers[-1]  # the rate rises linearly: 0.5 here
    with torch.no_grad():
        layer.gamma_1.zero_()  # leaves the FFN branch alone
        layer.gamma_2.fill_(1)
    model.train()
    x = torch.randn(4000, 1, 48)
    kept = (layer(x, None) - x).flatten(1).any(dim=1).float().mean().item()
    assert kept == pytest.approx(0.5, abs=0.03)  # 0.25 if it acted twice


def test_small_is_the_papers_vit_s():
    model = MaskedBEiTViT(arch='small')
    assert (model.embed_dims, model.num_layers) == (384, 12)
    assert model.layers[0].attn.num_heads == 6


def test_unknown_arch_lists_the_known_ones():
    with pytest.raises(ValueError, match="Unknown arch 'huge'.*'base'.*'small'"):
        MaskedBEiTViT(arch='huge')


def test_image_size_must_be_a_multiple_of_the_patch():
    with pytest.raises(ValueError, match='img_size=230.*patch_size=16.*224 or 240'):
        MaskedBEiTViT(img_size=230)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match='images of 32 x 32 px.*got 64 x 64 px: set img_size'):
        MaskedBEiTViT(**SIZES)(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize('bias', ['qv_bias', True])
def test_the_fused_attention_takes_over_parameters_and_draws_nothing(bias):
    attention = BEiTAttention(12, 3, (2, 4), use_rel_pos_bias=True, bias=bias, attn_drop_rate=0.1)
    before, state = dict(attention.named_parameters()), torch.get_rng_state()
    fused = FusedBEiTAttention.from_attention(attention)
    assert torch.equal(torch.get_rng_state(), state)
    assert type(attention) is BEiTAttention
    assert list(fused.state_dict()) == list(attention.state_dict())
    assert all(parameter is before[name] for name, parameter in fused.named_parameters())
    assert (fused.attn_drop.p, fused.scale) == (0.1, attention.scale)


def table_of(function, rows, columns):
    """A one-head table whose grid holds ``function(row, column)``, and three class lines."""
    grid = torch.from_numpy(function(rows[:, None], columns[None, :])).view(-1, 1)
    return torch.cat((grid, torch.tensor([[1.0], [2.0], [3.0]], dtype=grid.dtype)))


@pytest.mark.parametrize(('source', 'target'), [(7, 12), (14, 24), (14, 32), (12, 7)])
def test_resized_table_keeps_neighbours_and_stays_smooth(source, target):
    def smooth(row, column):
        return np.cos(row / target) * np.sin(0.3 + column / target)

    old = geometric_offsets(source - 1, target - 1)
    new = np.arange(1.0 - target, target)
    resized = resize_table(table_of(smooth, old, old), (2 * target - 1) ** 2 + 3)
    torch.testing.assert_close(resized, table_of(smooth, new, new), atol=2e-4, rtol=0)
    # Offsets of one patch stay offsets of one patch.
    assert old[source - 1] == 0 and old[-1] == pytest.approx(target - 1)
    if target > source:
        np.testing.assert_allclose(old[source - 2 : source + 1], [-1, 0, 1])


def test_shared_table_is_copied_to_each_block():
    state = MaskedBEiTViT(**SIZES).state_dict()
    table = state['rel_pos_bias.relative_position_bias_table'].normal_().clone()
    state = {f'student.{name}': value for name, value in copy.deepcopy(state).items()}
    expand_shared_table(state, 'student.', 3)
    for layer in range(3):
        name = f'student.layers.{layer}.attn.relative_position_bias_table'
        assert torch.equal(state[name], table)
    assert not any('rel_pos_bias.' in name for name in state)
