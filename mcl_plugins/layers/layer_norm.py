"""Layer normalisation with the arguments of a batch norm, for parts that expect one."""

from __future__ import annotations

from torch import nn

from ..registry import MODELS


@MODELS.register_module()
class LayerNorm(nn.LayerNorm):
    """PyTorch's ``LayerNorm`` with a batch norm's argument ``affine``.

    mmpretrain's ``NonLinearNeck`` passes that argument to its last norm. In configs:
    ``norm_cfg=dict(type='mcl_plugins.LayerNorm', eps=1e-6)``.

    Args:
        num_features: width C of the rows.
        eps: added to the variance.
        affine: whether the norm has a learned weight and bias.

    Example:
        >>> LayerNorm(4, affine=False)
        LayerNorm((4,), eps=1e-06, elementwise_affine=False)
    """

    def __init__(self, num_features: int, eps: float = 1e-6, affine: bool = True) -> None:
        super().__init__(num_features, eps, elementwise_affine=affine)
