"""The decoder against mmpretrain's, without a class token, and with shared blocks."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.mask_generators import RandomMask
from mcl_plugins.necks import MaskedDecoder

SMALL = dict(num_patches=16, patch_size=4, embed_dim=24, decoder_embed_dim=32, decoder_num_heads=4)
MASK = RandomMask(0.75)(3, (4, 4), torch.device('cpu'))


def decoder(**options):
    model = MaskedDecoder(**{**SMALL, 'decoder_depth': 2, **options}).double()
    model.init_weights()
    torch.nn.init.normal_(model.decoder_pred.bias)
    return model


def test_equals_mmpretrains():
    ours = decoder()
    theirs = MODELS.build(dict(type='MAEPretrainDecoder', **SMALL, decoder_depth=2)).double()
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randn(3, 5, 24).double()
    output = ours(tokens, MASK.ids_restore)
    assert output.shape == (3, 16, 48)
    torch.testing.assert_close(output, theirs(tokens, MASK.ids_restore))


def test_without_class_token_patches_keep_their_places():
    """With no block to mix them, each patch's output is that of its own token or mask token."""
    model = decoder(with_cls_token=False, decoder_depth=0, predict_feature_dim=6)
    tokens = torch.randn(3, 4, 24).double()
    output = model(tokens, MASK.ids_restore)
    embedded = model.decoder_embed(tokens)
    for image in range(3):
        seen = MASK.ids_keep[image].tolist()
        for patch in range(16):
            token = embedded[image, seen.index(patch)] if patch in seen else model.mask_token[0, 0]
            token = token + model.decoder_pos_embed[0, patch]
            wanted = model.decoder_pred(model.decoder_norm(token))
            torch.testing.assert_close(output[image, patch], wanted)


def test_shared_blocks_are_the_other_decoders():
    pixel, feature = decoder(decoder_depth=3), decoder(predict_feature_dim=24)
    feature.share_blocks(pixel)
    assert feature.decoder_blocks[1] is pixel.decoder_blocks[1]
    assert feature.mask_token is pixel.mask_token and feature.decoder_embed is pixel.decoder_embed
    assert feature.decoder_pred is not pixel.decoder_pred and len(feature.decoder_blocks) == 2
    with pytest.raises(ValueError, match='3 blocks of width 32 cannot share .* of 2 blocks'):
        pixel.share_blocks(feature)


def test_positions_are_fixed_and_start_as_mae():
    model = decoder()
    assert 'decoder_pos_embed' not in dict(model.named_parameters())
    assert not model.decoder_pos_embed[0, 0].any() and model.decoder_pos_embed[0, 1:].any()
    assert not decoder(with_cls_token=False).state_dict()['decoder_pos_embed'][0, 0, :8].any()
    weight = model.decoder_embed.weight
    assert weight.abs().max() <= (6 / sum(weight.shape)) ** 0.5
    assert model.mask_token.std().item() == pytest.approx(0.02, rel=0.4)
