"""A neck that adds a fourth map to the three of the hybrid ViT."""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class HybridPyramid(BaseModule):
    """Append a map of half the size to those of the hybrid ViT: 3x3 convolution, norm, GELU.

    This follows ConvMAE's released segmentation code, in which this layer belongs to the encoder
    but has the learning rate of the heads. The convolution has stride 2 and no padding, so a
    32 x 32 map becomes 15 x 15, and 3 x 3 is the smallest map.

    Args:
        embed_dims: channels of the last map and of the new one.
        norm_cfg: config of the norm; SyncBN by default.
        init_cfg: None for PyTorch's initialisation.

    Example:
        >>> import torch
        >>> maps = HybridPyramid(embed_dims=8)([torch.zeros(2, 8, side, side) for side in (32, 8)])
        >>> [m.shape[-1] for m in maps]
        [32, 8, 3]
    """

    def __init__(
        self,
        embed_dims: int,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_cfg or dict(type='mcl_plugins.SyncBN')
        self.downsample = nn.Sequential(
            nn.Conv2d(embed_dims, embed_dims, kernel_size=3, stride=2),
            build_norm_layer(norm_cfg, embed_dims)[1],
            nn.GELU(),
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the maps (N, Ci, Hi, Wi) and one more, (N, C, (H - 1) // 2, (W - 1) // 2).

        Raises:
            ValueError: the last map is smaller than the convolution.
        """
        rows, columns = maps[-1].shape[-2:]
        if min(rows, columns) < 3:
            raise ValueError(
                f'HybridPyramid convolves 3 x 3 patches, but images of {16 * rows} x '
                f'{16 * columns} px have {rows} x {columns} patches of 16 px: set img_size of the '
                'backbone to 48 or more.'
            )
        return (*maps, self.downsample(maps[-1]))
