"""Layer normalisation for the places where a batch norm stood."""

from __future__ import annotations

from torch import nn

from ..registry import MODELS


@MODELS.register_module()
class LayerNorm(nn.LayerNorm):
    """PyTorch's ``LayerNorm``, which takes ``affine`` as batch norms do.

    mmpretrain's ``NonLinearNeck`` gives its last norm that argument. In configs:
    ``norm_cfg=dict(type='mcl_plugins.LayerNorm', eps=1e-6)``.

    Args:
        num_features: width C of the rows.
        eps: added to the variance.
        affine: learn a weight and a bias.
    """

    def __init__(self, num_features: int, eps: float = 1e-6, affine: bool = True) -> None:
        super().__init__(num_features, eps, elementwise_affine=affine)
