"""The hybrid vision transformer as the encoder of a segmentor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from mmengine.model import ModuleList
from mmpretrain.models.backbones.beit import BEiTTransformerEncoderLayer
from torch import Tensor, nn

from ..backbones import ConvViT
from ..backbones.beit_vit import FusedBEiTAttention
from ..layers.recompute import recompute
from ..registry import MODELS
from ..utils.compat import quiet_meshgrid, single_drop_path
from .fixed_size import check_crop


@MODELS.register_module()
class DenseConvViT(ConvViT):
    """The maps of the hybrid ViT at strides 4, 8 and 16, as they are.

    As in ConvMAE's released segmentation code, each transformer block gets a table of relative
    positions, which starts at zero, and layer scale, which starts at one. Images must have
    ``img_size``.

    Args:
        arch, drop_path_rate, init_cfg: as in :class:`mcl_plugins.backbones.ConvViT`.
        img_size: side of the image in pixels.
        with_cp: recompute transformer blocks in the backward pass, which saves memory.
    """

    task_tensors: ClassVar[tuple[str, ...]] = (
        'relative_position_bias_table',
        'relative_position_index',
        'gamma_1',
        'gamma_2',
    )

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 512,
        drop_path_rate: float = 0.0,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            arch, img_size, drop_path_rate, final_norm=False, out_type='featmap', init_cfg=init_cfg
        )
        settings = self.arch_zoo[arch.lower()] if isinstance(arch, str) else arch
        rates = np.linspace(0, drop_path_rate, sum(settings['depths']))[-self.num_layers :]
        with quiet_meshgrid():
            self.layers = ModuleList(
                self._block(rate, settings['num_heads']) for rate in rates.tolist()
            )
        single_drop_path(self.layers)
        if with_cp:
            recompute(self.layers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.

        Returns:
            (N, C1, H / 4, W / 4), (N, C2, H / 8, W / 8) and (N, D, H / 16, W / 16).
        """
        check_crop(x, self.img_size)
        *maps, x = self._maps(x)
        tokens = self._encode(self._tokens(x))
        return (*maps, tokens.transpose(1, 2).unflatten(2, self.patch_resolution))

    def _encode(self, tokens: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, None)  # no bias that the blocks would share
        return tokens

    def _block(self, drop_path_rate: float, num_heads: int) -> BEiTTransformerEncoderLayer:
        block: Any = BEiTTransformerEncoderLayer(
            self.embed_dims,
            num_heads,
            4 * self.embed_dims,
            layer_scale_init_value=1.0,
            window_size=self.patch_resolution,
            use_rel_pos_bias=True,
            drop_path_rate=drop_path_rate,
            bias=True,
            norm_cfg=dict(type='LN', eps=1e-6),
        )
        attention = block.attn
        attention.__class__ = FusedBEiTAttention
        # There is no class token, so its lines and rows go.
        table = attention.relative_position_bias_table
        attention.relative_position_bias_table = nn.Parameter(table.data[:-3].clone())
        attention.relative_position_index = attention.relative_position_index[1:, 1:].clone()
        return block
