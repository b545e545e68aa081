"""MoCo v3's encoder: start, shapes, and several parts of an image at once."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS

from conftest import SMALL_VIT
from mcl_plugins.mask_generators import Partition

SMALL = {**SMALL_VIT, 'type': 'mcl_plugins.MaskedMoCoViT'}


def build(**changes):
    model = MODELS.build({**SMALL, **changes})
    model.init_weights()
    return model


def test_parts_are_encoded_as_if_alone():
    model = build().double()
    images = torch.randn(3, 3, 32, 32).double()
    patches = model.embed(images)
    ids = Partition(5)(3, (4, 4), images.device)
    tokens = model.encode(patches, ids)
    assert tokens.shape == (15, 4, 48)
    for image in range(3):
        for chunk in range(5):
            alone = model.encode(patches[image : image + 1], ids[image, chunk][None])
            torch.testing.assert_close(tokens[5 * image + chunk], alone[0])


def test_the_start_is_that_of_mmpretrains_moco_v3():
    """Same bounds for every layer: queries, keys and values as three, the token nearly zero."""
    model = build()
    theirs = MODELS.build(
        dict(
            type='MoCoV3ViT',
            arch=SMALL['arch'],
            img_size=32,
            patch_size=8,
            norm_cfg=dict(type='LN', eps=1e-6),
        )
    )
    theirs.init_weights()
    state = theirs.state_dict()
    assert model.state_dict().keys() == state.keys()
    for name, value in model.state_dict().items():
        if value.ndim > 1 and 'token' not in name and name != 'pos_embed':
            bound = state[name].abs().max()
            assert value.abs().max() == pytest.approx(bound.item(), rel=0.05), name
        elif name != 'cls_token':
            torch.testing.assert_close(value, state[name], msg=name)
    assert model.layers[0].attn.qkv.weight.abs().max() < math.sqrt(6 / 96)
    assert 0 < model.cls_token.abs().max() < 1e-5


def test_a_checkpoint_wins_over_the_start(tmp_path):
    source = build()
    torch.nn.init.normal_(source.cls_token)
    torch.save({'state_dict': source.state_dict()}, tmp_path / 'encoder.pth')
    model = build(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'encoder.pth')))
    for name, value in model.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


@pytest.mark.parametrize('frozen', [False, True])
def test_the_patch_embedding_can_be_frozen(frozen):
    model = build(frozen_patch_embed=frozen)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    projection = {'patch_embed.projection.weight', 'patch_embed.projection.bias'}
    assert trained & projection == (set() if frozen else projection)
    assert len(trained) == len(dict(model.named_parameters())) - 2 * frozen


def test_moco_v3s_small_has_twelve_heads():
    with torch.device('meta'):
        model = MODELS.build(dict(type='mcl_plugins.MaskedMoCoViT', arch='mocov3-small'))
    assert (model.embed_dims, model.layers[0].attn.num_heads) == (384, 12)
