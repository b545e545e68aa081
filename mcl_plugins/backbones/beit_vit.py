"""BEiT-style vision transformer: relative position bias, query and value bias, layer scale."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from mmpretrain.models.backbones import BEiTViT as _BEiTViT
from mmpretrain.models.utils import BEiTAttention
from torch import Tensor, nn
from torch.nn import functional as F

from ..checkpoint.loading import init_from_checkpoint
from ..layers.initialisation import trunc_normal_layers
from ..layers.relative_position import expand_shared_bias, resize_bias_tables
from ..mask_generators import PatchMask
from ..registry import MODELS
from ..utils.checks import ARCH_KEYS, check_arch, check_image_size
from ..utils.compat import quiet_meshgrid, single_drop_path


class FusedBEiTAttention(BEiTAttention):
    """mmpretrain's BEiT attention on PyTorch's fused kernel; same parameters, same numbers."""

    def init_weights(self) -> None:
        """Leave the bias tables at zero, as BEiT's and ConMIM's released codes do."""

    def forward(self, x: Tensor, rel_pos_bias: Tensor | None = None) -> Tensor:
        """Attend over all tokens.

        Args:
            x: (N, T, D) tokens.
            rel_pos_bias: (heads, T, T) shared bias added to the logits, or None.

        Returns:
            (N, T, D).
        """
        batch, tokens, _ = x.shape
        if self.bias == 'qv_bias':
            bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
            qkv = F.linear(x, self.qkv.weight, bias)
        else:
            qkv = self.qkv(x)
        q, k, v = qkv.view(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind()
        logit_bias = self.position_bias(rel_pos_bias)
        if logit_bias is not None:
            logit_bias = logit_bias.to(q.dtype)[None]
        x = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=logit_bias,
            dropout_p=self.attn_drop.p if self.training else 0.0,
            scale=self.scale,
        )
        return self.proj_drop(self.proj(x.transpose(1, 2).flatten(2)))

    def position_bias(self, rel_pos_bias: Tensor | None = None) -> Tensor | None:
        """(heads, T, T) added to the logits: the block's own bias, the shared one, both or None."""
        if self.relative_position_bias_table is None:
            return rel_pos_bias
        own = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        own = own.contiguous()  # CUDA's fused kernels refuse a bias of another layout
        return own if rel_pos_bias is None else own + rel_pos_bias


@MODELS.register_module()
class BEiTViT(_BEiTViT):
    """mmpretrain's ``BEiTViT`` with what ConMIM needs to be right.

    It takes the same arguments, for square images and patches, and ``init_std``; it differs in that

    - ``'small'`` is ViT-S (384 wide, 12 blocks, 6 heads), as in the papers;
    - drop path acts once on the FFN branch, not twice;
    - weights start as in the released code: linear and convolution weights and the tokens from a
      normal of ``init_std`` truncated at one standard deviation, the two output layers of block l
      divided by sqrt(2 l), position tables zero;
    - attention runs on PyTorch's fused kernel;
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor or stops with a list of what
      is missing, and resizes relative position tables without SciPy's removed ``interp2d``;
    - an image size that the patch does not divide is refused instead of padded.

    Raises:
        ValueError: unknown ``arch``, or ``img_size`` is not a multiple of ``patch_size``.
    """

    task_modules = ('ln2',)  # the norm after mean pooling: not part of pre-training
    pretraining_modules = ('ln1', 'mask_token')

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
        check_arch(arch, self.arch_zoo, ARCH_KEYS)
        check_image_size(img_size, patch_size)
        with quiet_meshgrid():
            super().__init__(arch=arch, img_size=img_size, patch_size=patch_size, **kwargs)
        for layer in self.layers:
            # The blocks build their attention themselves; ours differs in its methods alone.
            layer.attn.__class__ = FusedBEiTAttention
        single_drop_path(self.layers)
        self.init_std = init_std

    def init_weights(self) -> None:
        """Initialise at random, or from ``init_cfg``'s checkpoint: all of it or an error."""
        if init_from_checkpoint(self):
            return
        super().init_weights()
        if self.init_cfg:
            return  # another initialisation was asked for
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
        if x.shape[-2:] != tuple(self.img_size):
            raise ValueError(
                f'The backbone was built for {tuple(self.img_size)} px images (its relative '
                f'position bias is fixed), got {tuple(x.shape[-2:])}: set img_size to that.'
            )
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
            x = layer(x, shared_bias)
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
            expand_shared_bias(state_dict, prefix, self.num_layers)
        resize_bias_tables(state_dict, prefix, self.state_dict())


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
