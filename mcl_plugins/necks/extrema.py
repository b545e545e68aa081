"""ExtreMA's projector and predictor."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.ops import MLP

from ..layers.initialisation import xavier_layers
from ..registry import MODELS


@MODELS.register_module()
class ExtreMANeck(nn.Module):
    """ExtreMA's MLP (released ``builder.py``): linear layers with LayerNorm and GELU in between.

    All linear layers have a bias.

    Args:
        in_channels: width of the input.
        hid_channels: width of the hidden layers.
        out_channels: width of the output.
        num_layers: number of linear layers.

    Example:
        >>> import torch
        >>> (rows,) = ExtreMANeck(8, 16, 4)((torch.zeros(2, 8),))
        >>> rows.shape
        torch.Size([2, 4])
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
        """Fill linear layers with Xavier uniform weights and zero biases."""
        xavier_layers(self)

    def forward(self, inputs: tuple[Tensor]) -> tuple[Tensor]:
        """Project a tuple of one tensor (N, in_channels) to a tuple of one (N, out_channels)."""
        (rows,) = inputs
        return (self.layers(rows),)
