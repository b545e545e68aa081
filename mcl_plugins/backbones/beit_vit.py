"""BEiT-style vision transformer: relative position bias, query and value bias, layer scale."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from mmpretrain.models.backbones import BEiTViT as _BEiTViT
from torch import Tensor, nn

from ..layers.beit_attention import FusedBEiTAttention
from ..layers.initialisation import trunc_normal_layers
from ..layers.position_tables import expand_shared_table, fit_block_tables
from ..layers.recompute import run_block
from ..mask_generators import PatchMask
from ..registry import MODELS
from ..utils.checks import ARCH_KEYS, check_image_size, check_input_size, resolve_arch
from ..utils.compat import quiet_meshgrid, single_drop_path
from .encoder import Encoder


@MODELS.register_module()
class BEiTViT(Encoder, _BEiTViT):
    """mmpretrain's ``BEiTViT``, corrected to ConMIM's encoder.

    It takes the arguments of mmpretrain's, for square images and patches, and ``init_std``. It
    differs as follows:

    - ``'small'`` is ViT-S (width 384, 12 blocks, 6 heads), as in the papers.
    - Drop path acts once on the FFN branch, not twice.
    - Weights start as in the released code: linear and convolution weights and the tokens from a
      normal of ``init_std`` truncated at one standard deviation, the two output layers of block l
      divided by sqrt(2 l), position tables at zero.
    - Attention runs on PyTorch's fused kernel.
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor or raises an error that lists
      what is missing. Tables of relative positions are resized as in BEiT's released code.
    - An image size that is not a multiple of the patch size is refused instead of padded.

    Raises:
        ValueError: unknown ``arch``, or ``img_size`` is not a multiple of ``patch_size``.
    """

    task_modules = ('ln2',)  # the norm after mean pooling
    pretraining_modules = ('ln1', 'mask_token')
    table_resizing = 'spline'

    arch_zoo: ClassVar[dict[str, dict]] = {
        **_BEiTViT.arch_zoo,
        's': _BEiTViT.arch_zoo['deit-s'],
        'small': _BEiTViT.arch_zoo['deit-s'],
    }

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        patch_size: int = 16,
        init_std: float = 0.02,
        **kwargs: Any,
    ) -> None:
        resolve_arch(arch, self.arch_zoo, ARCH_KEYS)
        check_image_size(img_size, patch_size)
        with quiet_meshgrid():
            super().__init__(arch=arch, img_size=img_size, patch_size=patch_size, **kwargs)
        for layer in self.layers:
            layer.attn = FusedBEiTAttention.from_attention(layer.attn)
        single_drop_path(self.layers)
        self.init_std = init_std

    def fill_weights(self) -> None:
        """Fill the weights as BEiT's and ConMIM's released code does."""
        trunc_normal_layers(self, self.init_std)
        tokens = [self.cls_token, self.pos_embed, getattr(self, 'mask_token', None)]
        for token in filter(lambda token: token is not None, tokens):
            nn.init.trunc_normal_(token, std=self.init_std, a=-self.init_std, b=self.init_std)
        with torch.no_grad():
            for depth, layer in enumerate(self.layers, start=1):
                layer.attn.proj.weight.div_((2 * depth) ** 0.5)
                layer.ffn.layers[1].weight.div_((2 * depth) ** 0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images.

        Args:
            x: (N, 3, H, W), with H = W = ``img_size``.

        Returns:
            The outputs of the blocks in ``out_indices``, in the form of ``out_type``.
        """
        return self._encode(self._embed(x))

    def _embed(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, L, D) patch embeddings."""
        check_input_size(x, self.img_size, self.part_of)
        return self.patch_embed(x)[0]

    def _encode(self, patches: Tensor) -> tuple[Tensor, ...]:
        """(N, L, D) patch embeddings -> outputs of the blocks in ``out_indices``."""
        x = patches
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        if self.pos_embed is not None:
            x = x + self.pos_embed
        x = self.drop_after_pos(x)
        shared_bias = self.rel_pos_bias() if self.rel_pos_bias is not None else None
        outputs = []
        for index, layer in enumerate(self.layers):
            x = run_block(layer, x, shared_bias, recompute=self.with_cp)
            if index == self.num_layers - 1 and self.final_norm:
                x = self.ln1(x)
            if index in self.out_indices:
                outputs.append(self._format_output(x, self.patch_resolution))
        return tuple(outputs)

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Fit a checkpoint's relative position tables to this model before they are loaded."""
        if self.use_rel_pos_bias:
            expand_shared_table(state_dict, prefix, self.num_layers)
        fit_block_tables(state_dict, prefix, self.state_dict(), self.table_resizing)


@MODELS.register_module()
class MaskedBEiTViT(BEiTViT):
    """BEiT ViT for masked pre-training: hidden patches become a learned mask token.

    ConMIM's encoder (section 3; released ``modeling_pretrain.py``): one relative position table
    shared by all blocks, no absolute position, final norm over all tokens, class token kept.
    Takes the arguments of :class:`BEiTViT`, with other defaults.

    Attributes:
        mask_grid: (rows, columns) of patches, over which masks are drawn.
    """

    def __init__(
        self,
        *args: Any,
        final_norm: bool = True,
        out_type: str = 'raw',
        use_rel_pos_bias: bool = False,
        use_shared_rel_pos_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *args,
            final_norm=final_norm,
            out_type=out_type,
            use_rel_pos_bias=use_rel_pos_bias,
            use_shared_rel_pos_bias=use_shared_rel_pos_bias,
            **kwargs,
        )
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        self.mask_grid = self.patch_resolution

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """Encode images, some of whose patches are hidden.

        Args:
            x: (N, 3, H, W).
            mask: hidden patches are replaced by the mask token; None shows everything.

        Returns:
            The outputs of the blocks in ``out_indices``; (N, 1 + L, D) with ``out_type='raw'``.
        """
        patches = self._embed(x)
        if mask is not None:
            patches = torch.where(mask.mask[..., None], self.mask_token, patches)
        return self._encode(patches)
