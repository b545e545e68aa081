"""BEiT's vision transformer: relative position bias, query and value bias, layer scale."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from mmpretrain.models.backbones import BEiTViT as _BEiTViT
from torch import Tensor, nn

from ..layers.beit_attention import ADDED_TENSORS, FusedBEiTAttention
from ..layers.fused_bias import align_rows, to_autocast_type
from ..layers.initialisation import trunc_normal_layers
from ..layers.position_tables import expand_shared_table, fit_block_tables
from ..layers.recompute import run_block
from ..layers.rows import use_row_sequentials
from ..mask_generators import PatchMask
from ..registry import MODELS
from ..utils.checks import ARCH_KEYS, check_image_size, check_input_size, resolve_arch
from ..utils.compat import quiet_meshgrid, single_drop_path
from .encoder import Encoder


@MODELS.register_module()
class BEiTViT(Encoder, _BEiTViT):
    """mmpretrain's ``BEiTViT`` with the changes that make it ConMIM's encoder.

    The arguments are those of mmpretrain's class, for square images and patches, ``init_std`` and
    ``with_cp`` (gradient checkpointing: recompute blocks in the backward pass).
    The differences are:

    - ``'small'`` is ViT-S (width 384, 12 blocks, 6 heads), as in the papers.
    - Drop path is applied once to the FFN branch, not twice.
    - Weights are initialised as in the released code. Linear and convolution weights and the tokens
      are drawn from a normal distribution of standard deviation ``init_std``, truncated at one
      standard deviation. The weights of the two output layers of block l are then divided by
      sqrt(2 l). Tables of relative positions are zero.
    - Attention uses PyTorch's fused kernel.
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor, or raises an error that lists
      the missing ones. Tables of relative positions are resized as in BEiT's released code.
    - An image size that is not a multiple of the patch size is an error; mmpretrain pads.

    Raises:
        ValueError: ``arch`` is unknown, ``img_size`` is not a multiple of ``patch_size``, or there
            are relative positions without a class token.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = BEiTViT(arch, img_size=32, patch_size=8)
        >>> model(torch.zeros(2, 3, 32, 32))[0].shape  # the mean of the patches
        torch.Size([2, 24])
    """

    task_modules = ('ln2',)  # norm after mean pooling
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
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        resolve_arch(arch, self.arch_zoo, ARCH_KEYS)
        check_image_size(img_size, patch_size)
        with quiet_meshgrid():
            super().__init__(arch=arch, img_size=img_size, patch_size=patch_size, **kwargs)
        if self.cls_token is None and (self.use_rel_pos_bias or self.rel_pos_bias is not None):
            raise ValueError(
                f'with_cls_token=False: the tables of relative positions of {type(self).__name__} '
                'have rows for the class token. Leave the argument out, or use BEiTViT with '
                'use_rel_pos_bias=False and use_abs_pos_emb=True.'
            )
        for layer in self.layers:
            layer.attn = FusedBEiTAttention.from_attention(layer.attn)
        single_drop_path(self.layers)
        use_row_sequentials(self.layers)
        self.init_std, self.with_cp = init_std, with_cp
        if self.pos_embed is not None and self.use_rel_pos_bias:
            # Pre-training with absolute positions (CAE) has no relative ones; a task adds them.
            self.task_tensors = ADDED_TENSORS

    def fill_weights(self) -> None:
        """Initialise the weights at random, as BEiT's and ConMIM's released code does."""
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
        """Embed the patches of images: (N, 3, H, W) -> (N, L, D)."""
        check_input_size(x, self.img_size, self.part_of)
        return self.patch_embed(x)[0]

    def _encode(self, patches: Tensor) -> tuple[Tensor, ...]:
        """Encode patch embeddings (N, L, D); return the outputs of ``out_indices``."""
        x = patches
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        if self.pos_embed is not None:
            x = x + self.pos_embed
        x = self.drop_after_pos(x)
        shared_bias = None
        if self.rel_pos_bias is not None:  # prepared once for all blocks
            shared_bias = align_rows(to_autocast_type(self.rel_pos_bias()))
        outputs = []
        for index, layer in enumerate(self.layers):
            x = run_block(layer, x, shared_bias, recompute=self.with_cp)
            if index == self.num_layers - 1 and self.final_norm:
                x = self.ln1(x)
            if index in self.out_indices:
                outputs.append(self._format_output(x, self.patch_resolution))
        return tuple(outputs)

    def _freeze_stages(self) -> None:
        """Freeze as mmpretrain does, and the table that frozen blocks share with the others."""
        super()._freeze_stages()
        if self.rel_pos_bias is not None:
            self.rel_pos_bias.requires_grad_(False)

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Resize a checkpoint's tables of relative positions to this model before loading."""
        if self.use_rel_pos_bias:
            expand_shared_table(state_dict, prefix, self.num_layers)
        fit_block_tables(state_dict, prefix, self.state_dict(), self.table_resizing)


@MODELS.register_module()
class MaskedBEiTViT(BEiTViT):
    """BEiT ViT that replaces masked patches by a learned mask token (ConMIM's encoder).

    As in the paper's section 3 and the released ``modeling_pretrain.py``, all blocks share one
    table of relative positions, there are no absolute positions, and the final norm is applied to
    all tokens, including the class token. The arguments are those of :class:`BEiTViT`, with other
    defaults.

    Attributes:
        mask_grid: (rows, columns) of patches over which masks are drawn.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = MaskedBEiTViT(arch, img_size=32, patch_size=8)
        >>> mask = PatchMask.from_mask(torch.arange(16).expand(2, 16) < 12)  # 75 % masked
        >>> model(torch.zeros(2, 3, 32, 32), mask)[0].shape  # 16 patches and the class token
        torch.Size([2, 17, 24])
    """

    masked_output = 'all tokens'

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
        """Encode masked images.

        Args:
            x: (N, 3, H, W).
            mask: masked patches are replaced by the mask token; None if nothing is masked.

        Returns:
            The outputs of the blocks in ``out_indices``; (N, 1 + L, D) with ``out_type='raw'``.
        """
        patches = self._embed(x)
        if mask is not None:
            patches = torch.where(mask.mask[..., None], self.mask_token, patches)
        return self._encode(patches)
