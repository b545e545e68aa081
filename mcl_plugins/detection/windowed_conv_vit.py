"""The hybrid ViT (CMAE*'s) as a detector's backbone: windows and four global blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.model import ModuleList
from torch import Tensor
from torch.nn import functional as F

from ..backbones import ConvViT
from ..layers.initialisation import fix_parameter
from ..layers.position_bias import SharedBias
from ..layers.position_tables import fit_shared_tables
from ..layers.recompute import run_block
from ..layers.windowed_attention import MapBlock
from ..registry import MODELS
from .windowed_vit import check_global_blocks


@MODELS.register_module()
class WindowedConvViT(ConvViT):
    """:class:`ConvViT` whose transformer attends within windows but for four global blocks.

    ConvMAE's detector (released ``DET/models/convmae.py``): windows of 16 patches, one table of
    relative bias for all windowed blocks and one for the global ones, both starting at zero, and
    absolute positions that are not trained. The outputs are the maps of the two convolutional
    stages, the transformer's map and its max-pooled half, at strides 4, 8, 16 and 32 for an FPN.

    Args:
        arch: as for :class:`ConvViT`.
        img_size: side of the images in pixels.
        window_size: side of a window in patches.
        global_blocks: which blocks attend to the whole map; by default the first, the last and two
            evenly between, 0, 3, 6 and 10 of 11.
        drop_path_rate: stochastic depth of the last block; it rises linearly from 0.
        with_cp: compute transformer blocks again in the backward pass, which saves memory.

    Raises:
        ValueError: as :class:`ConvViT`, or a global block that does not exist.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=(8, 12, 24), depths=(1, 1, 4), num_heads=2)
        >>> model = WindowedConvViT(arch, img_size=64, window_size=2)
        >>> [tuple(m.shape[1:]) for m in model(torch.zeros(1, 3, 64, 64))]
        [(8, 16, 16), (12, 8, 8), (24, 4, 4), (24, 2, 2)]
    """

    task_modules = ('window_bias', 'global_bias')
    pretraining_modules = ('ln1', 'ln2', 'fusions')
    part_of = 'detector'

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 1024,
        window_size: int = 16,
        global_blocks: Sequence[int] | None = None,
        drop_path_rate: float = 0.0,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            arch, img_size, drop_path_rate, final_norm=False, out_type='featmap', init_cfg=init_cfg
        )
        if global_blocks is None:
            global_blocks = np.linspace(0, self.num_layers - 1, 4).astype(int).tolist()
        check_global_blocks(global_blocks, self.num_layers)
        self.global_blocks = tuple(global_blocks)
        self.layers = ModuleList(
            MapBlock(
                self.embed_dims,
                self.num_heads,
                4 * self.embed_dims,
                rate,
                window_size=0 if index in self.global_blocks else window_size,
            )
            for index, rate in enumerate(self.drop_path_rates)
        )
        self.with_cp = with_cp
        self.window_bias = SharedBias((window_size, window_size), self.num_heads)
        self.global_bias = SharedBias(self.patch_resolution, self.num_heads)
        fix_parameter(self, 'pos_embed')

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) with H = W = ``img_size`` -> maps at strides 4, 8, 16 and 32."""
        *stages, x = self._maps(x)
        x = self._tokens(x).unflatten(1, self.patch_resolution)
        window_bias, global_bias = self.window_bias(), self.global_bias()
        for index, layer in enumerate(self.layers):
            bias = global_bias if index in self.global_blocks else window_bias
            x = run_block(layer, x, bias, recompute=self.with_cp)
        x = x.permute(0, 3, 1, 2).contiguous()
        return (*stages, x, F.max_pool2d(x, 2))

    @staticmethod
    def _resize_positions(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Fit a checkpoint's positions. Pre-training has no tables, so these start at zero."""
        ConvViT._resize_positions(module, state_dict, prefix)
        fit_shared_tables(state_dict, prefix, module.state_dict())
