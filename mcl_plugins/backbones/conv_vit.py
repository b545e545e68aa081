"""Hybrid convolutional vision transformer (ConvMAE's encoder, used as CMAE*'s backbone)."""

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
from ..layers.row_block import use_row_blocks
from ..mask_generators import PatchMask, gather_patches, upsample_patches
from ..registry import MODELS
from ..utils.checks import check_choice, check_image_size, check_input_size, resolve_arch
from .encoder import Encoder

PATCH_SIZES = (4, 2, 2)  # strides 4, 8 and 16


@MODELS.register_module()
class ConvViT(Encoder, BaseBackbone):
    """Two stages of convolution blocks at strides 4 and 8, then a transformer at stride 16.

    This is ConvMAE's encoder (Gao et al., NeurIPS 2022; released ``models_convvit.py``), which is
    about as large as ViT-B. CMAE* uses a "hybrid convolutional ViT" of ViT-B's size that its paper
    does not describe; that it is this encoder is an assumption. There is no class token.

    Args:
        arch: ``'base'``, or a dict with ``embed_dims`` and ``depths`` of the three stages and
            ``num_heads`` of the last stage.
        img_size: side of the image in pixels.
        drop_path_rate: drop path rate of the last block; the rate rises linearly from 0.
        final_norm: apply a norm after the last block.
        out_type: ``'raw'`` returns the tokens (N, L, D), ``'featmap'`` a map
            (N, D, H / 16, W / 16), and ``'avg_featmap'`` the mean of the tokens after another norm
            (N, D).
        in_channels: number of bands of the images.
        with_cp: gradient checkpointing: recompute all blocks in the backward pass.

    Raises:
        ValueError: ``arch`` or ``out_type`` is unknown, or ``img_size`` is not a multiple of 16.

    Example:
        >>> arch = dict(embed_dims=(8, 12, 24), depths=(1, 1, 2), num_heads=2)
        >>> model = ConvViT(arch, img_size=64, out_type='featmap')
        >>> model(torch.zeros(1, 3, 64, 64))[0].shape
        torch.Size([1, 24, 4, 4])
    """

    arch_zoo: ClassVar[dict[str, dict]] = {
        'base': dict(embed_dims=(256, 384, 768), depths=(2, 2, 11), num_heads=12),
    }
    task_modules: tuple[str, ...] = ('ln2',)  # norm after mean pooling
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
        in_channels: int = 3,
        with_cp: bool = False,
    ) -> None:
        super().__init__(init_cfg)
        self.with_cp = with_cp
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
            ConvPatchEmbed(in_width, width, patch)
            for in_width, width, patch in zip(
                (in_channels, *widths[:-1]), widths, PATCH_SIZES, strict=True
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
        use_row_blocks(self.layers)
        if final_norm:
            self.ln1 = build_norm_layer(dict(type='LN', eps=1e-6), self.embed_dims)
        if out_type == 'avg_featmap':
            self.ln2 = build_norm_layer(dict(type='LN', eps=1e-6), self.embed_dims)

    def fill_weights(self) -> None:
        """Initialise the weights at random, as ConvMAE's released code does."""
        xavier_layers(self)
        last = cast(ConvPatchEmbed, self.patch_embeds[-1])
        nn.init.xavier_uniform_(last.projection.weight.data.flatten(1))
        self.pos_embed.data.copy_(
            build_2d_sincos_position_embedding(self.patch_resolution, self.embed_dims)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, 3, H, W); the form of the output is ``out_type``."""
        *_, x = self._maps(x)
        tokens = self._encode(self._tokens(x))
        tokens = self.ln1(tokens) if self.final_norm else tokens
        if self.out_type == 'featmap':
            tokens = tokens.transpose(1, 2).unflatten(2, self.patch_resolution)
        elif self.out_type == 'avg_featmap':
            tokens = self.ln2(tokens.mean(dim=1))
        return (tokens,)

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Return the layer of a parameter and the number of layers, for layer-wise lr decay.

        Everything before the transformer is layer 0, as in ConvMAE's released code.
        """
        last = self.num_layers + 1
        if not param_name.startswith(prefix):
            return last, last + 1  # a parameter of the classifier
        name = param_name[len(prefix) :]
        if name.startswith('layers.'):
            return int(name.split('.')[1]) + 1, last + 1
        in_stem = name.startswith(('patch_embeds', 'conv_stages', 'projection', 'pos_embed'))
        return 0 if in_stem else last, last + 1

    def _maps(self, x: Tensor, mask: PatchMask | None = None) -> Iterator[Tensor]:
        """Yield the maps at strides 4 and 8 after their blocks, and at 16 before the transformer.

        With a mask, the convolutions get zeros at the masked positions.
        """
        check_input_size(x, self.img_size, self.part_of)
        for embed, blocks in zip(self.patch_embeds, (*self.conv_stages, ()), strict=True):
            x = embed(x)
            visible = None
            if mask is not None:
                masked = upsample_patches(mask.mask, self.patch_resolution, x.shape[-2:])
                visible = ~masked[:, None]
            for block in blocks:
                x = run_block(block, x, visible, recompute=self.with_cp)
            yield x

    def _tokens(self, x: Tensor) -> Tensor:
        """Turn the map (N, D, H / 16, W / 16) into tokens (N, L, D) and add their positions."""
        return self.projection(x.flatten(2).transpose(1, 2)) + self.pos_embed

    def _encode(self, tokens: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = run_block(layer, tokens, recompute=self.with_cp)
        return tokens

    @staticmethod
    def _resize_positions(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Resize a checkpoint's absolute positions to this image size before loading."""
        fit_absolute_positions(state_dict, f'{prefix}pos_embed', module.patch_resolution)


@MODELS.register_module()
class MaskedConvViT(ConvViT):
    """:class:`ConvViT` for masked pre-training, which returns multi-scale visible tokens.

    The transformer encodes the visible tokens only. In the convolutional stages, masked positions
    are set to zero before each depthwise convolution, so that no masked pixel influences a visible
    token. Convolutions bring the maps of these stages to stride 16; the result is added to the
    transformer's output (ConvMAE, "multi-scale"). The absolute positions are not trained.

    Args:
        **kwargs: arguments of :class:`ConvViT` except ``out_type``.

    Attributes:
        mask_grid: (rows, columns) of 16 px patches over which masks are drawn.

    Example:
        >>> arch = dict(embed_dims=(8, 12, 24), depths=(1, 1, 2), num_heads=2)
        >>> model = MaskedConvViT(arch=arch, img_size=64)
        >>> mask = PatchMask.from_mask(torch.arange(16).expand(2, 16) < 12)  # 75 % masked
        >>> model(torch.zeros(2, 3, 64, 64), mask)[0].shape
        torch.Size([2, 4, 24])
    """

    masked_output = 'the visible tokens'

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
            mask: the mask over the 16 px patches; None if nothing is masked.

        Returns:
            One tensor (N, V, D): the V visible patches in the order of ``mask.ids_keep``.
        """
        *maps, x = self._maps(x, mask)
        scales = [self._tokens(x)]
        scales += [
            fuse(stage).flatten(2).transpose(1, 2)
            for fuse, stage in zip(self.fusions, maps, strict=True)
        ]  # (N, L, D) each
        if mask is not None:
            scales = [gather_patches(tokens, mask.ids_keep) for tokens in scales]
        tokens = self._encode(scales[0]) + scales[1] + scales[2]
        return (self.ln1(tokens) if self.final_norm else tokens,)
