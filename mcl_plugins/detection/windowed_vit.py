"""Base class of detectors' plain ViTs: windowed blocks and a few global ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from mmcv.cnn.bricks.transformer import PatchEmbed
from mmengine.model import ModuleList
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor

from ..backbones import Encoder, VisionTransformer
from ..layers.initialisation import normal_layers
from ..layers.position_tables import fit_absolute_positions, fit_axis_tables
from ..layers.recompute import run_block
from ..layers.windowed_attention import MapBlock
from ..utils.checks import ARCH_KEYS, check_image_size, check_out_indices, resolve_arch


def evenly_spaced(num_layers: int) -> tuple[int, ...]:
    """Return the index of the last block in each quarter of ``num_layers`` blocks.

    Raises:
        ValueError: ``num_layers`` is not a multiple of 4.

    Example:
        >>> evenly_spaced(12)
        (2, 5, 8, 11)
    """
    if num_layers % 4:
        raise ValueError(
            f'{num_layers} blocks do not divide into 4 groups, each with one global block: '
            'set global_blocks to the blocks that are global.'
        )
    return tuple(range(num_layers // 4 - 1, num_layers, num_layers // 4))


def check_global_blocks(blocks: Sequence[int], num_layers: int) -> None:
    """Raise a ValueError unless all of ``blocks`` exist.

    Args:
        blocks: indices of the global blocks.
        num_layers: number of blocks.

    Example:
        >>> check_global_blocks((2, 12), num_layers=12)
        Traceback (most recent call last):
        ValueError: global_blocks=(2, 12): use indices from 0 to 11.
    """
    if not set(blocks) <= set(range(num_layers)):
        raise ValueError(f'global_blocks={tuple(blocks)}: use indices from 0 to {num_layers - 1}.')


class WindowedViT(Encoder, BaseBackbone):
    """A plain ViT that returns maps, and whose blocks attend within windows or globally.

    It has neither a class token nor a final norm; those of a checkpoint are not loaded. Subclasses
    add the absolute positions ``pos_embed``, whose grid is ``position_size``.

    Args:
        arch: ``'small'``, ``'base'``, ``'large'`` or a dict, see ``VisionTransformer``.
        img_size: side of the images in pixels.
        patch_size: side of a patch in pixels.
        window_size: side of a window in patches.
        global_blocks: indices of the blocks that attend to the whole map; by default the last block
            of each quarter.
        out_indices: indices of the blocks whose outputs are returned; by default the last block.
        drop_path_rate: drop path rate of the last block; the rate increases linearly from 0.
        decomposed: whether each block has tables of relative positions along both axes.
        qkv_bias: ``'qkv'`` for biases of queries, keys and values; ``'qv'`` for no bias of the keys
            (BEiT).
        layer_scale: initial value of the learned factors on both residual branches; 0 for no
            factors.
        mask_padding: see :class:`mcl_plugins.layers.windowed_attention.MapAttention`.
        with_cp: recompute the blocks in the backward pass, which saves memory.
        in_channels: number of bands of the images.

    Raises:
        ValueError: ``arch`` is unknown, ``img_size`` is not a multiple of ``patch_size``, a global
            block does not exist, or ``out_indices`` does not end with the last block.
    """

    arch_zoo = VisionTransformer.arch_zoo
    pretraining_modules = ('ln1', 'ln2', 'mask_token', 'cls_token')
    part_of = 'detector'
    get_layer_depth = VisionTransformer.get_layer_depth
    position_size: tuple[int, int]

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 1024,
        patch_size: int = 16,
        window_size: int = 14,
        global_blocks: Sequence[int] | None = None,
        out_indices: Sequence[int] | None = None,
        drop_path_rate: float = 0.0,
        decomposed: bool = False,
        qkv_bias: Literal['qkv', 'qv'] = 'qkv',
        layer_scale: float = 0.0,
        mask_padding: bool = True,
        with_cp: bool = False,
        init_cfg: dict | None = None,
        in_channels: int = 3,
    ) -> None:
        super().__init__(init_cfg)
        settings = resolve_arch(arch, self.arch_zoo, ARCH_KEYS)
        check_image_size(img_size, patch_size)
        self.embed_dims, self.num_layers = settings['embed_dims'], settings['num_layers']
        self.num_heads = settings['num_heads']
        self.patch_size = patch_size
        self.img_size = (img_size, img_size)
        self.patch_resolution = (img_size // patch_size, img_size // patch_size)
        if global_blocks is None:
            global_blocks = evenly_spaced(self.num_layers)
        if out_indices is None:
            out_indices = (self.num_layers - 1,)
        check_global_blocks(global_blocks, self.num_layers)
        self.global_blocks = tuple(global_blocks)
        self.out_indices = check_out_indices(out_indices, self.num_layers)

        self.patch_embed = PatchEmbed(
            in_channels, self.embed_dims, kernel_size=patch_size, stride=patch_size
        )
        windows = [0 if i in self.global_blocks else window_size for i in range(self.num_layers)]
        self.layers = ModuleList(
            MapBlock(
                self.embed_dims,
                self.num_heads,
                settings['feedforward_channels'],
                rate,
                layer_scale,
                window_size=window,
                table_size=(window or self.patch_resolution[0],) * 2 if decomposed else None,
                qkv_bias=qkv_bias,
                mask_padding=mask_padding,
            )
            for rate, window in zip(
                np.linspace(0, drop_path_rate, self.num_layers).tolist(), windows, strict=True
            )
        )
        self.with_cp = with_cp
        self.register_load_state_dict_pre_hook(self._fit_checkpoint)

    def fill_weights(self) -> None:
        """Initialise the weights as detectron2's ViTDet does."""
        normal_layers(self, std=0.02)

    def _embed(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, H / patch, W / patch, D)."""
        height, width = x.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f'Images of {height} x {width} px cannot be divided into patches of '
                f'{self.patch_size} px: set model.data_preprocessor.pad_size_divisor to a multiple '
                f'of {self.patch_size}.'
            )
        tokens, shape = self.patch_embed(x)
        return tokens.unflatten(1, shape)

    def _encode(
        self, x: Tensor, window_bias: Tensor | None = None, global_bias: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """(N, H, W, D) -> maps (N, D, H, W) of the blocks in ``out_indices``."""
        outputs = []
        for index, layer in enumerate(self.layers):
            bias = global_bias if index in self.global_blocks else window_bias
            x = run_block(layer, x, bias, recompute=self.with_cp)
            if index in self.out_indices:
                outputs.append(x.permute(0, 3, 1, 2).contiguous())
        return tuple(outputs)

    @staticmethod
    def _fit_checkpoint(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Resize the positions of a checkpoint before they are loaded."""
        fit_absolute_positions(state_dict, f'{prefix}pos_embed', module.position_size)
        fit_axis_tables(state_dict, prefix, module.state_dict())
