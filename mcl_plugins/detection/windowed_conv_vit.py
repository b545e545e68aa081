"""The hybrid ViT of CMAE* as a detector's backbone: windowed blocks and four global ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.model import ModuleList
from torch import Tensor

from ..backbones import ConvViT
from ..layers.halving import halve
from ..layers.initialisation import fix_parameter
from ..layers.position_bias import SharedBias
from ..layers.position_tables import fit_shared_tables
from ..layers.recompute import run_block
from ..layers.windowed_attention import MapBlock
from ..registry import MODELS
from .windowed_vit import check_global_blocks


@MODELS.register_module()
class WindowedConvViT(ConvViT):
    """A :class:`ConvViT` whose blocks attend within windows, except four global blocks.

    This is the backbone of ConvMAE's detector (released ``DET/models/convmae.py``). Windows have
    16 x 16 patches. All windowed blocks share one table of relative position biases and the global
    blocks share another; both are initialised to zero. The absolute positions are not trained. The
    outputs are the maps of both convolutional stages, the map of the transformer, and the same
    max-pooled, with strides 4, 8, 16 and 32 for an FPN.

    Args:
        arch: see :class:`ConvViT`.
        img_size: side of the images in pixels.
        window_size: side of a window in patches.
        global_blocks: indices of the blocks that attend to the whole map. The default is the first
            and last block and two in between, for example 0, 3, 6 and 10 of 11 blocks.
        drop_path_rate: drop path rate of the last block; the rate increases linearly from 0.
        with_cp: recompute the transformer blocks in the backward pass, which saves memory.
        in_channels: number of bands of the images.

    Raises:
        ValueError: see :class:`ConvViT`; or a global block does not exist.

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
        in_channels: int = 3,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            drop_path_rate,
            final_norm=False,
            out_type='featmap',
            init_cfg=init_cfg,
            in_channels=in_channels,
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
        """Encode images (N, C, H, W), H = W = ``img_size``, to maps of strides 4, 8, 16 and 32."""
        *stages, x = self._maps(x)
        x = self._tokens(x).unflatten(1, self.patch_resolution)
        window_bias, global_bias = self.window_bias(), self.global_bias()
        for index, layer in enumerate(self.layers):
            bias = global_bias if index in self.global_blocks else window_bias
            x = run_block(layer, x, bias, recompute=self.with_cp)
        x = x.permute(0, 3, 1, 2).contiguous()
        return (*stages, x, halve(x))

    @staticmethod
    def _resize_positions(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Resize a checkpoint's positions; pre-training has no tables, so they stay zero."""
        ConvViT._resize_positions(module, state_dict, prefix)
        fit_shared_tables(state_dict, prefix, module.state_dict())
