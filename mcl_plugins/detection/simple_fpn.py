"""ViTDet's feature pyramid, computed from a single map."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule, ModuleList
from mmpretrain.models.utils import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers.halving import Halve
from ..registry import MODELS


@MODELS.register_module()
class SimpleFPN(BaseModule):
    """Resize the last map of a plain ViT to five scales (ViTDet, section 3; detectron2).

    The map is resized to 4 times its size by two transposed convolutions, to 2 times by one, and to
    1/2 by max-pooling; one level keeps its size. A 1x1 and a 3x3 convolution follow in each
    level, both without bias and each followed by a norm over the channels. The fifth level consists
    of every second position of the coarsest level. The code is detectron2's ``vit.py``.

    Args:
        in_channels: channels C of the map, a multiple of 4.
        out_channels: channels of the pyramid.

    Raises:
        ValueError: ``in_channels`` is not a multiple of 4.

    Example:
        >>> import torch
        >>> pyramid = SimpleFPN(in_channels=8, out_channels=16)([torch.zeros(1, 8, 4, 4)])
        >>> [level.shape[-1] for level in pyramid]
        [16, 8, 4, 2, 1]
    """

    def __init__(
        self, in_channels: int, out_channels: int = 256, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        if in_channels % 4:
            raise ValueError(f'in_channels={in_channels} must be a multiple of 4.')
        half, quarter = in_channels // 2, in_channels // 4
        resize: tuple[list[nn.Module], ...] = (
            [
                nn.ConvTranspose2d(in_channels, half, 2, 2),
                LayerNorm2d(half, eps=1e-6),
                nn.GELU(),
                nn.ConvTranspose2d(half, quarter, 2, 2),
            ],
            [nn.ConvTranspose2d(in_channels, half, 2, 2)],
            [],
            [Halve()],
        )
        widths = (quarter, half, in_channels, in_channels)
        self.levels = ModuleList(
            nn.Sequential(
                *layers,
                nn.Conv2d(width, out_channels, 1, bias=False),
                LayerNorm2d(out_channels, eps=1e-6),
                nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
                LayerNorm2d(out_channels, eps=1e-6),
            )
            for layers, width in zip(resize, widths, strict=True)
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Compute the pyramid.

        Args:
            maps: a sequence of one map (N, C, H, W).

        Returns:
            Five maps with ``out_channels`` channels: 4, 2, 1, 1/2 and 1/4 times the map's size. A
            side of one position is not halved.

        Raises:
            ValueError: there is not exactly one map.
        """
        if len(maps) != 1:
            raise ValueError(
                f'SimpleFPN takes one map, got {len(maps)}: set out_indices to one block.'
            )
        pyramid = [level(maps[0]) for level in self.levels]
        return (*pyramid, F.max_pool2d(pyramid[-1], 1, 2))
