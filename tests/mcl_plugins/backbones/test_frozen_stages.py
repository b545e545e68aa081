"""frozen_stages=N: what comes before the blocks and the first N of them neither learn nor drop."""

import pytest
import torch

from mcl_plugins.backbones import (
    BEiTViT,
    DeiT,
    DenseViT,
    DINOViT,
    MaskedBEiTViT,
    MoCoV3ViT,
    SwinTransformer,
    VisionTransformer,
)
from mcl_plugins.detection import CAEViT
from mcl_plugins.layers.beit_attention import FusedBEiTAttention
from mcl_plugins.segmentation import DenseBEiTViT, RelativeViT

ARCH = dict(embed_dims=24, num_layers=3, num_heads=2, feedforward_channels=48)
SIZES = dict(arch=ARCH, img_size=32, patch_size=8, drop_path_rate=0.5)
LAST = dict(out_indices=(2,))
ENCODERS = {
    'plain': (VisionTransformer, {}),
    'deit': (DeiT, {}),
    'moco v3': (MoCoV3ViT, {}),
    'dino': (DINOViT, {}),
    'dino v3': (DINOViT, dict(rotary=True, with_cp=True)),
    'clip': (VisionTransformer, dict(pre_norm=True)),
    'beit': (BEiTViT, {}),
    'one table': (BEiTViT, dict(use_rel_pos_bias=False, use_shared_rel_pos_bias=True)),
    'masked beit': (MaskedBEiTViT, {}),
    'dense': (DenseViT, LAST),
    'dense beit': (DenseBEiTViT, LAST),
    'dense relative': (RelativeViT, LAST),
    'dense cae': (CAEViT, LAST),
}
STEM = ('patch_embed', 'cls_token', 'pos_embed', 'register_tokens', 'pre_norm', 'rel_pos_bias')


def build(name, **settings):
    kind, changes = ENCODERS[name]
    return kind(**{**SIZES, **changes, **settings})


def trained_in(model, frozen_stages):
    """Names of the parameters that learn although they should not."""
    frozen = (*STEM, *(f'layers.{index}.' for index in range(frozen_stages)))
    named = dict(model.named_parameters())
    return [name for name, p in named.items() if name.startswith(frozen) and p.requires_grad]


@pytest.mark.parametrize('frozen_stages', [-1, 1, 3])
@pytest.mark.parametrize('name', ENCODERS)
def test_the_first_blocks_are_frozen_and_stay_so(name, frozen_stages):
    model = build(name, frozen_stages=frozen_stages)
    for _ in range(2):
        learning = trained_in(model, frozen_stages)
        assert bool(learning) == (frozen_stages < 0), learning
        model.init_weights()
        model.train()
    modes = [any(part.training for part in layer.modules()) for layer in model.layers]
    assert modes == [index >= frozen_stages for index in range(3)]
    after = [p for layer in model.layers[max(0, frozen_stages) :] for p in layer.parameters()]
    assert all(p.requires_grad for p in after)


def test_frozen_tables_without_a_class_token_stay_frozen():
    attention = FusedBEiTAttention(8, 2, window_size=(2, 2), use_rel_pos_bias=True)
    attention.requires_grad_(False)
    attention.drop_class_token()
    assert not attention.relative_position_bias_table.requires_grad


@pytest.mark.parametrize('trained_blocks', [0, 0.5, 1])
def test_registers_are_frozen_in_partial_fine_tuning(trained_blocks):
    model = build('dino', trained_blocks=trained_blocks)
    model.train()
    assert trained_in(model, 2) == []
    assert model.layers[2].ln2.weight.requires_grad == (trained_blocks > 0)
    assert build('dino', trained_blocks=3).register_tokens.requires_grad


@pytest.mark.parametrize('frozen_stages', [-1, 0, 1])
def test_swins_absolute_positions_belong_to_its_patch_embedding(frozen_stages):
    arch = dict(embed_dims=16, depths=(1, 1), num_heads=(2, 4))
    settings = dict(img_size=32, patch_size=2, window_size=4, use_abs_pos_embed=True)
    model = SwinTransformer(arch, **settings, frozen_stages=frozen_stages)
    for _ in range(2):
        assert model.absolute_pos_embed.requires_grad == (frozen_stages < 0)
        model.train()
    assert model.get_layer_depth('backbone.absolute_pos_embed', 'backbone.') == (0, 4)
    assert model.get_layer_depth('backbone.norm1.weight', 'backbone.') == (3, 4)


# BEiT's code counts a table that all blocks share with the last of them.
UNUSUAL = ('one table', 'masked beit')


@pytest.mark.parametrize('name', [name for name in ENCODERS if name not in UNUSUAL])
def test_layer_decay_takes_the_stem_as_the_first_layer(name):
    model = build(name)
    depths = {
        parameter: model.get_layer_depth(f'backbone.{parameter}', 'backbone.')
        for parameter, _ in model.named_parameters()
    }
    assert {depth for n, depth in depths.items() if n.startswith(STEM)} == {(0, 5)}
    assert {depth for n, depth in depths.items() if n.startswith('layers.2.')} == {(3, 5)}
    assert model.get_layer_depth('head.register_tokens', 'backbone.') == (4, 5)


@pytest.mark.parametrize('name', ENCODERS)
def test_frozen_encoders_compute_gradients_for_the_rest(name):
    model = build(name, frozen_stages=2)
    model.init_weights()
    model.train()
    sum(output.square().mean() for output in model(torch.randn(2, 3, 32, 32))).backward()
    assert all(p.grad is not None for p in model.layers[2].parameters())
    assert all(p.grad is None for p in model.layers[1].parameters())


@pytest.mark.parametrize('name', ENCODERS)
def test_more_frozen_blocks_than_there_are_are_refused(name):
    with pytest.raises(ValueError, match=r'frozen_stages=4 of \w+ is more than its 3'):
        build(name, frozen_stages=4)
