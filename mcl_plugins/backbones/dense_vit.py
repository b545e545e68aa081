"""Plain vision transformer as the encoder of a segmentor or detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor

from ..layers.initialisation import fix_parameter
from ..layers.recompute import run_block
from ..registry import MODELS
from ..utils.checks import check_out_indices
from .vit import VisionTransformer


@MODELS.register_module()
class DenseViT(VisionTransformer):
    """A plain ViT that returns the outputs of some blocks as maps, for images of any size.

    The absolute positions belong to ``img_size``; for images of another size they are resized
    (bicubic). All attention is global. The class token takes part in it, but is not in the maps;
    ``with_cls_token=False`` leaves it out. There is no norm after the last block, as in
    MAE's, BEiT's and CAE's code for dense tasks.

    Args:
        arch: architecture, by name or as a dict.
        img_size: side of the images in pixels, for which the positions are made.
        patch_size: side of a patch in pixels. Images whose sides are not multiples of it are padded
            on the right and at the bottom.
        out_indices: blocks whose outputs are returned, counted from 0; the last block must be among
            them.
        drop_path_rate: drop path rate of the last block; the rate rises linearly from 0.
        fixed_positions: do not train the absolute positions (CAE).
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix='backbone.')`` loads the encoder
            of a pre-training checkpoint or of a fine-tuned classifier.

    Raises:
        ValueError: ``arch`` is unknown, ``img_size`` is not a multiple of ``patch_size``, or
            ``out_indices`` does not end with the last block.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
        >>> model = DenseViT(arch, img_size=64, out_indices=(0, 1))
        >>> [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 96))]
        [(1, 24, 4, 6), (1, 24, 4, 6)]
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 512,
        patch_size: int = 16,
        out_indices: Sequence[int] = (3, 5, 7, 11),
        drop_path_rate: float = 0.0,
        fixed_positions: bool = False,
        with_cp: bool = False,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            out_indices=list(out_indices),
            drop_path_rate=drop_path_rate,
            final_norm=False,
            out_type='featmap',
            init_cfg=init_cfg,
            **kwargs,
        )
        self.out_indices = check_out_indices(out_indices, self.num_layers)
        if fixed_positions:
            fix_parameter(self, 'pos_embed')
        self.with_cp = with_cp

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images: mmpretrain's forward, with gradient checkpointing if ``with_cp``.

        Args:
            x: (N, C, H, W).

        Returns:
            A map (N, D, H / patch, W / patch), rounded up, for each of ``out_indices``.
        """
        x, grid = embed_images(self, x)
        return maps_of_blocks(self, self.pre_norm(x), grid)


def embed_images(encoder: Any, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Turn images of any size into tokens with positions.

    Args:
        encoder: one of mmpretrain's ViTs, with absolute positions.
        images: (N, C, H, W).

    Returns:
        (N, T, D), the class token first if the encoder has one, and rows and columns of patches.
    """
    x, grid = encoder.patch_embed(images)
    if encoder.cls_token is not None:
        x = torch.cat((encoder.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
    positions = resize_pos_embed(
        encoder.pos_embed,
        encoder.patch_resolution,
        grid,
        encoder.interpolate_mode,
        encoder.num_extra_tokens,
    )
    return encoder.drop_after_pos(x + positions), grid


def maps_of_blocks(
    encoder: Any, x: Tensor, grid: tuple[int, int], *inputs: Tensor | None
) -> tuple[Tensor, ...]:
    """Run the blocks of a ViT and return the outputs of its ``out_indices`` as maps.

    Args:
        encoder: one of mmpretrain's ViTs, with ``with_cp``.
        x: (N, T, D) tokens; the last h * w are the patches.
        grid: h and w.
        *inputs: further arguments of each block.

    Returns:
        A map (N, D, h, w) for each of ``out_indices``.
    """
    outputs = []
    for index, layer in enumerate(encoder.layers):
        x = run_block(layer, x, *inputs, recompute=encoder.with_cp)
        if index in encoder.out_indices:
            outputs.append(encoder._format_output(x, grid))
    return tuple(outputs)
