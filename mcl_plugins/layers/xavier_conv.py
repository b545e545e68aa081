"""A convolution that mmcv's blocks leave as it initialises itself."""

from __future__ import annotations

from torch import nn

from ..registry import MODELS


@MODELS.register_module()
class XavierConv2d(nn.Conv2d):
    """A convolution that starts with Xavier's uniform weights and a bias of zero.

    mmcv's ``ConvModule`` gives its convolution He's initialisation after every ``init_cfg``, unless
    the convolution has an initialisation of its own. In configs of heads:
    ``conv_cfg=dict(type='mcl_plugins.XavierConv2d')``.
    """

    def reset_parameters(self) -> None:
        """Fill weights and bias."""
        self.init_weights()

    def init_weights(self) -> None:
        """Fill weights and bias."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
