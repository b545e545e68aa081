"""LayerNorm heads: mmpretrain's neck with a norm of rows, the last one without affine."""

import torch
from mmpretrain.registry import MODELS
from torch.nn import functional as F


def test_a_neck_with_layer_norms():
    neck = MODELS.build(
        dict(
            type='NonLinearNeck',
            in_channels=6,
            hid_channels=8,
            out_channels=4,
            with_last_bn_affine=False,
            with_avg_pool=False,
            norm_cfg=dict(type='mcl_plugins.LayerNorm', eps=1e-6),
        )
    ).double()
    torch.nn.init.normal_(neck.bn0.weight)
    torch.nn.init.normal_(neck.bn0.bias)
    assert [tuple(p.shape) for p in neck.parameters()] == [(8, 6), (8,), (8,), (4, 8)]
    rows = torch.randn(5, 6).double()
    hidden = F.layer_norm(rows @ neck.fc0.weight.T, (8,), neck.bn0.weight, neck.bn0.bias, 1e-6)
    (output,) = neck((rows,))
    torch.testing.assert_close(output, F.layer_norm(hidden.relu() @ neck.fc1.weight.T, (4,)),
                               rtol=1e-4, atol=1e-4)  # fmt: skip
    (alone,) = neck((rows[:1],))  # unlike batch norm, a row does not see the others
    torch.testing.assert_close(alone, output[:1])
