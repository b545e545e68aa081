"""ExtreMA's projector and predictor."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.ops import MLP

from ..layers.initialisation import xavier_layers
from ..registry import MODELS


@MODELS.register_module()
class ExtreMANeck(nn.Module):
    """ExtreMA's heads (released ``builder.py``): linear, LayerNorm, GELU; nothing after the last.

    All linear layers have a bias.

    Args:
        in_channels, hid_channels, out_channels: widths.
        num_layers: linear layers.
    """

    def __init__(
        self, in_channels: int, hid_channels: int, out_channels: int, num_layers: int = 2
    ) -> None:
        super().__init__()
        widths = [hid_channels] * (num_layers - 1) + [out_channels]
        self.layers = MLP(
            in_channels,
            widths,
            norm_layer=nn.LayerNorm,
            activation_layer=nn.GELU,
            inplace=None,
        )

    def init_weights(self) -> None:
        """Xavier uniform weights and zero biases."""
        xavier_layers(self)

    def forward(self, inputs: tuple[Tensor]) -> tuple[Tensor]:
        """One tensor (N, in_channels) -> one (N, out_channels)."""
        (rows,) = inputs
        return (self.layers(rows),)
