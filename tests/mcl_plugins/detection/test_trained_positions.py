"""MIMDet's absolute positions, fixed or trained, start as the same sines and cosines."""

import pytest
import torch

pytest.importorskip('mmdet')
from mcl_plugins.detection import MIMDetViT

ARCH = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=48)


def test_trained_positions_are_the_fixed_ones_with_a_gradient():
    torch.manual_seed(0)
    fixed = MIMDetViT(ARCH, img_size=64, window_size=2)
    trained = MIMDetViT(ARCH, img_size=64, window_size=2, trained_positions=True)
    fixed.init_weights(), trained.init_weights()
    assert torch.equal(fixed.pos_embed, trained.pos_embed)
    assert fixed.state_dict().keys() == trained.state_dict().keys()
    assert not isinstance(fixed.pos_embed, torch.nn.Parameter)
    trained.load_state_dict(fixed.state_dict())
    image = torch.randn(1, 3, 64, 64)
    for before, after in zip(fixed(image), trained(image), strict=True):
        torch.testing.assert_close(before, after)
    trained(image)[-1].sum().backward()
    assert trained.pos_embed.grad is not None and trained.pos_embed.grad.abs().sum() > 0
