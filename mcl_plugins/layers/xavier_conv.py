"""A convolution that keeps its own initialisation inside mmcv's blocks."""

from __future__ import annotations

from torch import nn

from ..registry import MODELS


@MODELS.register_module()
class XavierConv2d(nn.Conv2d):
    """A convolution with Xavier uniform initial weights and zero bias.

    mmcv's ``ConvModule`` ignores ``init_cfg`` and initialises its convolution with Kaiming weights,
    unless the convolution has its own method ``init_weights``. In configs of heads:
    ``conv_cfg=dict(type='mcl_plugins.XavierConv2d')``.

    Example:
        >>> XavierConv2d(2, 3, kernel_size=1).bias.tolist()
        [0.0, 0.0, 0.0]
    """

    def reset_parameters(self) -> None:
        """Initialise the weights and the bias."""
        self.init_weights()

    def init_weights(self) -> None:
        """Initialise the weights and the bias."""
        nn.init.xavier_uniform_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
