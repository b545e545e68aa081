"""The hybrid vision transformer as the encoder of a segmentor."""

from __future__ import annotations

from typing import Any

from mmengine.model import ModuleList
from mmpretrain.models.backbones.beit import BEiTTransformerEncoderLayer
from torch import Tensor

from ..backbones import ConvViT
from ..layers.beit_attention import ADDED_TENSORS, FusedBEiTAttention
from ..layers.position_tables import fit_block_tables
from ..layers.recompute import run_block
from ..layers.rows import use_row_sequentials
from ..registry import MODELS
from ..utils.compat import quiet_meshgrid, single_drop_path


@MODELS.register_module()
class DenseConvViT(ConvViT):
    """The hybrid ViT, which returns maps with strides 4, 8 and 16.

    As in ConvMAE's released segmentation code, each transformer block gets a table of relative
    position biases, initialised to zero, and layer scale, initialised to one. All images must have
    the size ``img_size``. The tables of a model of another image size are resized as in BEiT's
    released code.

    Args:
        arch, drop_path_rate, init_cfg, in_channels: see :class:`mcl_plugins.backbones.ConvViT`.
        img_size: side of the images in pixels.
        with_cp: recompute the transformer blocks in the backward pass, which saves memory.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=(8, 12, 24), depths=(1, 1, 2), num_heads=2)
        >>> [tuple(m.shape) for m in DenseConvViT(arch, img_size=64)(torch.zeros(1, 3, 64, 64))]
        [(1, 8, 16, 16), (1, 12, 8, 8), (1, 24, 4, 4)]
    """

    task_tensors = ADDED_TENSORS
    part_of = 'segmentor'

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 512,
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
        with quiet_meshgrid():
            self.layers = ModuleList(self._block(rate) for rate in self.drop_path_rates)
        single_drop_path(self.layers)
        use_row_sequentials(self.layers)
        self.with_cp = with_cp

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x: (N, C, H, W) with H = W = ``img_size``.

        Returns:
            (N, C1, H / 4, W / 4), (N, C2, H / 8, W / 8) and (N, D, H / 16, W / 16).
        """
        *maps, x = self._maps(x)
        tokens = self._encode(self._tokens(x))
        return (*maps, tokens.transpose(1, 2).unflatten(2, self.patch_resolution))

    def _encode(self, tokens: Tensor) -> Tensor:
        for layer in self.layers:
            # None: there is no shared bias.
            tokens = run_block(layer, tokens, None, recompute=self.with_cp)
        return tokens

    @staticmethod
    def _resize_positions(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Resize a checkpoint's positions, absolute and relative, to this image size."""
        ConvViT._resize_positions(module, state_dict, prefix)
        fit_block_tables(state_dict, prefix, module.state_dict())

    def _block(self, drop_path_rate: float) -> BEiTTransformerEncoderLayer:
        """Build a BEiT block for patch tokens without a class token."""
        block = BEiTTransformerEncoderLayer(
            self.embed_dims,
            self.num_heads,
            4 * self.embed_dims,
            layer_scale_init_value=1.0,
            window_size=self.patch_resolution,
            use_rel_pos_bias=True,
            drop_path_rate=drop_path_rate,
            bias=True,
            norm_cfg=dict(type='LN', eps=1e-6),
        )
        block.attn = FusedBEiTAttention.from_attention(block.attn)
        block.attn.drop_class_token()
        return block
