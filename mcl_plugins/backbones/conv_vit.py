"""Hybrid convolutional vision transformer (ConvMAE's encoder, CMAE*'s backbone)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from mmengine.model import ModuleList
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.models.utils import (
    build_2d_sincos_position_embedding,
    build_norm_layer,
)
from torch import Tensor, nn

from ..layers.conv_blocks import ConvBlock, ConvPatchEmbed
from ..layers.initialisation import fix_parameter, xavier_layers
from ..layers.position_tables import fit_absolute_positions
from ..layers.recompute import run_block
from ..mask_generators import PatchMask, upsample_patches
from ..registry import MODELS
from ..utils.checks import check_choice, check_image_size, check_input_size, resolve_arch
from .encoder import Encoder

PATCH_SIZES = (4, 2, 2)  # strides 4, 8 and 16


@MODELS.register_module()
class ConvViT(Encoder, BaseBackbone):
    """Two stages of convolution blocks at strides 4 and 8, then a transformer at stride 16.

    ConvMAE's encoder (Gao et al., NeurIPS 2022; released ``models_convvit.py``), about as large as
    ViT-B. CMAE* uses a "hybrid convolutional ViT" of ViT-B's size, which its paper does not
    describe; that it is this one is an assumption. There is no class token.

    Args:
        arch: ``'base'``, or a dict with ``embed_dims`` and ``depths`` of the three stages and
            ``num_heads`` of the last.
        img_size: side of the image in pixels.
        drop_path_rate: stochastic depth of the last block; it rises linearly from 0.
        final_norm: normalise the tokens of the last block.
        out_type: ``'raw'`` tokens (N, L, D), ``'featmap'`` (N, D, H / 16, W / 16) or
            ``'avg_featmap'``, the normalised mean of the tokens (N, D).

    Raises:
        ValueError: unknown ``arch`` or ``out_type``, or an image that 16 px patches do not tile.
    """

    arch_zoo: ClassVar[dict[str, dict]] = {
        'base': dict(embed_dims=(256, 384, 768), depths=(2, 2, 11), num_heads=12),
    }
    task_modules: tuple[str, ...] = ('ln2',)  # the norm after mean pooling
    pretraining_modules: tuple[str, ...] = ('ln1', 'fusions')
    num_extra_tokens = 0

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        drop_path_rate: float = 0.0,
        final_norm: bool = True,
        out_type: Literal['raw', 'featmap', 'avg_featmap'] = 'raw',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        settings = resolve_arch(arch, self.arch_zoo, self.arch_zoo['base'])
        check_choice('out_type', out_type, ('raw', 'featmap', 'avg_featmap'))
        stride = int(np.prod(PATCH_SIZES))
        check_image_size(img_size, stride)
        widths, depths = settings['embed_dims'], settings['depths']
        self.img_size = (img_size, img_size)
        self.patch_resolution = (img_size // stride, img_size // stride)
        self.stage_widths, self.embed_dims, self.num_layers = widths[:-1], widths[-1], depths[-1]
        self.num_heads, self.out_type, self.final_norm = settings['num_heads'], out_type, final_norm

        rates = np.linspace(0, drop_path_rate, sum(depths)).tolist()
        drop_paths, self.drop_path_rates = iter(rates), rates[-self.num_layers :]
        self.patch_embeds = nn.ModuleList(
            ConvPatchEmbed(in_channels, out_channels, patch)
            for in_channels, out_channels, patch in zip(
                (3, *widths[:-1]), widths, PATCH_SIZES, strict=True
            )
        )
        self.conv_stages = nn.ModuleList(
            nn.ModuleList(ConvBlock(width, 4 * width, next(drop_paths)) for _ in range(depth))
            for width, depth in zip(widths[:-1], depths[:-1], strict=True)
        )
        self.projection = nn.Linear(self.embed_dims, self.embed_dims)
        self.pos_embed = nn.Parameter(
            torch.zeros(1, self.patch_resolution[0] * self.patch_resolution[1], self.embed_dims)
        )
        self.register_load_state_dict_pre_hook(self._resize_positions)
        self.layers = ModuleList(
            TransformerEncoderLayer(
                self.embed_dims,
                self.num_heads,
                4 * self.embed_dims,
                drop_path_rate=rate,
                norm_cfg=dict(type='LN', eps=1e-6),
            )
            for rate in self.drop_path_rates
        )
        if final_norm:
            self.ln1 = build_norm_layer(dict(type='LN', eps=1e-6), self.embed_dims)
        if out_type == 'avg_featmap':
            self.ln2 = build_norm_layer(dict(type='LN', eps=1e-6), self.embed_dims)

    def fill_weights(self) -> None:
        """Fill the weights as ConvMAE's released code does."""
        xavier_layers(self)
        last = cast(ConvPatchEmbed, self.patch_embeds[-1])
        nn.init.xavier_uniform_(last.projection.weight.data.flatten(1))
        self.pos_embed.data.copy_(
            build_2d_sincos_position_embedding(self.patch_resolution, self.embed_dims)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode (N, 3, H, W) images; the output has the form of ``out_type``."""
        *_, x = self._maps(x)
        tokens = self._encode(self._tokens(x))
        tokens = self.ln1(tokens) if self.final_norm else tokens
        if self.out_type == 'featmap':
            tokens = tokens.transpose(1, 2).unflatten(2, self.patch_resolution)
        elif self.out_type == 'avg_featmap':
            tokens = self.ln2(tokens.mean(dim=1))
        return (tokens,)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Layer of a parameter and number of layers, for layer-wise learning rates.

        All that comes before the transformer is layer 0, as in ConvMAE's released code.
        """
        last = self.num_layers + 1
        if not param_name.startswith(prefix):
            return last, last + 1  # the classifier
        name = param_name[len(prefix) :]
        if name.startswith('layers.'):
            return int(name.split('.')[1]) + 1, last + 1
        in_stem = name.startswith(('patch_embeds', 'conv_stages', 'projection', 'pos_embed'))
        return 0 if in_stem else last, last + 1

    def _maps(self, x: Tensor, mask: PatchMask | None = None) -> Iterator[Tensor]:
        """The maps at strides 4 and 8 after their blocks, and the one at 16 before the transformer.

        With a mask, hidden positions are zero to their neighbours in the convolutions.
        """
        check_input_size(x, self.img_size, self.part_of)
        for embed, blocks in zip(self.patch_embeds, (*self.conv_stages, ()), strict=True):
            x = embed(x)
            visible = None
            if mask is not None:
                hidden = upsample_patches(mask.mask, self.patch_resolution, x.shape[-2:])
                visible = ~hidden[:, None]
            for block in blocks:
                x = block(x, visible)
            yield x

    def _tokens(self, x: Tensor) -> Tensor:
        """(N, D, H / 16, W / 16) -> (N, L, D) with positions."""
        return self.projection(x.flatten(2).transpose(1, 2)) + self.pos_embed

    def _encode(self, tokens: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = run_block(layer, tokens, recompute=self.with_cp)
        return tokens

    @staticmethod
    def _resize_positions(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Fit a checkpoint's positions to this image size before they are loaded."""
        fit_absolute_positions(state_dict, f'{prefix}pos_embed', module.patch_resolution)


@MODELS.register_module()
class MaskedConvViT(ConvViT):
    """:class:`ConvViT` for masked pre-training: visible tokens only, from all three scales.

    In the convolutional stages hidden positions are zero to their neighbours, so that none of
    their pixels reaches a visible token. The maps of these stages are brought to stride 16 and
    added to the transformer's output (ConvMAE, "multi-scale"). Positions are fixed.

    Args:
        **kwargs: those of :class:`ConvViT` but ``out_type``.

    Attributes:
        mask_grid: (rows, columns) of 16 px patches, over which masks are drawn.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(out_type='raw', **kwargs)
        fix_parameter(self, 'pos_embed')
        self.mask_grid = self.patch_resolution
        self.fusions = nn.ModuleList(
            nn.Conv2d(width, self.embed_dims, scale, scale)
            for width, scale in zip(self.stage_widths, (4, 2), strict=True)
        )

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode the visible patches of images.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.
            mask: over the 16 px patches; None shows everything.

        Returns:
            One tensor (N, V, D): the V visible patches in the order of ``mask.ids_keep``.
        """
        *maps, x = self._maps(x, mask)
        tokens = self._encode(show(self._tokens(x), mask))
        for fuse, stage in zip(self.fusions, maps, strict=True):
            tokens = tokens + show(fuse(stage).flatten(2).transpose(1, 2), mask)
        return (self.ln1(tokens) if self.final_norm else tokens,)

    def drop_final_norm(self) -> None:
        """Do without the final norm from now on (CMAE's target)."""
        self.final_norm = False
        self.ln1 = nn.Identity()


def show(tokens: Tensor, mask: PatchMask | None) -> Tensor:
    """(N, L, D) -> (N, V, D), the visible ones."""
    return tokens if mask is None else tokens.take_along_dim(mask.ids_keep[..., None], dim=1)
