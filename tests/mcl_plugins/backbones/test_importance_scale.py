"""The scores of ccMIM's Eq. 4 are divided by the root of D, those of attention by a head's."""

import pytest
import torch

from mcl_plugins.backbones import MaskedViT

ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)


def test_logits_over_the_root_of_the_width():
    torch.manual_seed(0)
    model = MaskedViT(arch=ARCH, img_size=32, patch_size=8)
    model.init_weights()
    patches = model.embed(torch.randn(2, 3, 32, 32))
    head, width = (
        model.class_attention(patches, blocks='last', kind='logit', scale=scale)
        for scale in ('head', 'width')
    )
    # sqrt(D) = sqrt(heads) sqrt(D / heads)
    torch.testing.assert_close(width, head / ARCH['num_heads'] ** 0.5)
    with pytest.raises(ValueError, match="scale='heads' is unknown"):
        model.class_attention(patches, scale='heads')
