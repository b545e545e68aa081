"""The convolutional stages of the hybrid ViT: patch embedding and blocks (ConvMAE)."""

from __future__ import annotations

from mmcv.cnn.bricks import DropPath
from mmpretrain.models.utils import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(LayerNorm2d):
    """mmpretrain's norm of the channels of a map, whose output stays in the order of channels last.

    mmpretrain copies it back. Convolutions after this norm get and return channels last, so that
    the next norm has nothing to copy either.

    Example:
        >>> import torch
        >>> ChannelNorm(8)(torch.zeros(1, 8, 6, 6)).is_contiguous(memory_format=torch.channels_last)
        True
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each position (N, C, H, W) -> (N, C, H, W)."""
        x = F.layer_norm(
            x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        )
        return x.permute(0, 3, 1, 2)


class ConvPatchEmbed(nn.Sequential):
    """Embed non-overlapping patches of a feature map: convolution, channel norm, GELU.

    Args:
        in_channels: channels of the map.
        out_channels: width of the embeddings.
        patch_size: side of a patch.

    Example:
        >>> import torch
        >>> ConvPatchEmbed(3, 8, patch_size=4)(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 8, 8, 8])
    """

    def __init__(self, in_channels: int, out_channels: int, patch_size: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, out_channels, patch_size, patch_size)
        self.ln = ChannelNorm(out_channels, eps=1e-5)
        self.act = nn.GELU()


class ConvBlock(nn.Module):
    """A transformer block whose attention is a 5x5 depthwise convolution.

    Args:
        channels: width C.
        hidden_channels: width of the feed-forward layer.
        drop_path_rate: probability to drop a residual branch (stochastic depth).

    Example:
        >>> import torch
        >>> ConvBlock(8, 32, drop_path_rate=0.0)(torch.zeros(1, 8, 6, 6)).shape
        torch.Size([1, 8, 6, 6])
    """

    def __init__(self, channels: int, hidden_channels: int, drop_path_rate: float) -> None:
        super().__init__()
        self.ln1 = ChannelNorm(channels, eps=1e-5)
        self.conv1 = nn.Conv2d(channels, channels, 1)
        self.attn = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.conv2 = nn.Conv2d(channels, channels, 1)
        self.ln2 = ChannelNorm(channels, eps=1e-5)
        self.ffn = nn.Sequential(
            nn.Conv2d(channels, hidden_channels, 1),
            nn.GELU(),
            nn.Conv2d(hidden_channels, channels, 1),
        )
        self.drop_path = DropPath(drop_path_rate)

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """Apply the depthwise convolution, then the feed-forward layers.

        Args:
            x: (N, C, H, W).
            visible: (N, 1, H, W) bool. Masked positions (False) are set to zero before the
                depthwise convolution, so visible positions learn nothing of them. None: all
                positions are visible.

        Returns:
            (N, C, H, W).
        """
        mixed = self.conv1(self.ln1(x))
        if visible is not None:
            mixed = mixed * visible.to(mixed.dtype)
        x = x + self.drop_path(self.conv2(self.attn(mixed)))
        return x + self.drop_path(self.ffn(self.ln2(x)))
