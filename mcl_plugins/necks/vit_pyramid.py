"""A feature pyramid from four maps of a plain ViT."""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..layers.halving import Halve
from ..registry import MODELS


@MODELS.register_module()
class ViTPyramid(BaseModule):
    """Resize four maps of the same stride to 4, 2, 1 and 1/2 times their size.

    The first map goes through two transposed convolutions with a norm and GELU in between, the
    second through one, the third is not changed and the fourth is max-pooled. With 16 px patches
    their strides are 4, 8, 16 and 32. This is the pyramid of BEiT's segmentation code and of CAE's
    and MIMDet's detectors. Parameters have the names of mmseg's ``Feature2Pyramid``. In a list of
    necks it comes before an FPN.

    Args:
        embed_dims: channels of the maps, of the input and of the output.
        norm_cfg: config of the norm; SyncBN by default. MIMDet uses ``dict(type='GN',
            num_groups=32)``.
        init_cfg: None for PyTorch's initialisation. LeCun normal weights, as in MIMDet, are
            ``dict(type='Kaiming', layer='ConvTranspose2d', nonlinearity='linear')``.

    Example:
        >>> import torch
        >>> maps = ViTPyramid(embed_dims=8)([torch.zeros(2, 8, 4, 4)] * 4)
        >>> [m.shape[-1] for m in maps]
        [16, 8, 4, 2]
    """

    def __init__(
        self,
        embed_dims: int,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or dict(type='mcl_plugins.SyncBN')
        self.upsample_4x = nn.Sequential(
            _upsampling_conv(embed_dims),
            build_norm_layer(norm_cfg, embed_dims)[1],
            nn.GELU(),
            _upsampling_conv(embed_dims),
        )
        self.upsample_2x = nn.Sequential(_upsampling_conv(embed_dims))
        self.downsample_2x = Halve()

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Resize the maps.

        Args:
            maps: four maps (N, C, H, W).

        Returns:
            (N, C, 4H, 4W), (N, C, 2H, 2W), (N, C, H, W), (N, C, H // 2, W // 2); a side of one
            position is not halved.

        Raises:
            ValueError: there are not four maps.
        """
        if len(maps) != 4:
            raise ValueError(
                f'ViTPyramid takes four maps, got {len(maps)}: set out_indices of the backbone to '
                'four blocks.'
            )
        first, second, third, fourth = maps
        return (
            self.upsample_4x(first),
            self.upsample_2x(second),
            third,
            self.downsample_2x(fourth),
        )


def _upsampling_conv(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, kernel_size=2, stride=2)
