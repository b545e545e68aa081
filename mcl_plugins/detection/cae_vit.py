"""CAE's vision transformer as the encoder of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor

from ..backbones import BEiTViT
from ..backbones.dense_vit import embed_images, maps_of_blocks
from ..layers.initialisation import fix_parameter
from ..registry import MODELS
from ..utils.checks import check_out_indices


@MODELS.register_module()
class CAEViT(BEiTViT):
    """BEiT's blocks with fixed absolute positions, as in CAE's detection code.

    The blocks have layer scale and biases of queries and values; there are no relative positions.
    The absolute ones are sines and cosines for ``img_size``; for images of another size they are
    resized (bicubic). All attention is global. The class token takes part in it, but is not in the
    maps. A checkpoint of BEiT, which has relative positions only, can be loaded without them
    (``init_cfg.allow_missing=True``).

    Args:
        arch: architecture, by name or as a dict.
        img_size: side of the images in pixels, for which the positions are made.
        patch_size: side of a patch in pixels. Images whose sides are not multiples of it are padded
            on the right and at the bottom.
        out_indices: blocks whose outputs are returned, counted from 0; the last block must be among
            them.
        layer_scale_init_value: layer scale of random weights.
        **kwargs: further arguments of :class:`~mcl_plugins.backbones.BEiTViT`.

    Raises:
        ValueError: ``arch`` is unknown, ``img_size`` is not a multiple of ``patch_size``, or
            ``out_indices`` does not end with the last block.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
        >>> model = CAEViT(arch, img_size=64, out_indices=(0, 1))
        >>> [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 96))]
        [(1, 24, 4, 6), (1, 24, 4, 6)]
    """

    part_of = 'detector'

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        patch_size: int = 16,
        out_indices: Sequence[int] = (3, 5, 7, 11),
        layer_scale_init_value: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            out_indices=list(out_indices),
            layer_scale_init_value=layer_scale_init_value,
            final_norm=False,
            out_type='featmap',
            use_abs_pos_emb=True,
            use_rel_pos_bias=False,
            **kwargs,
        )
        self.out_indices = check_out_indices(out_indices, self.num_layers)
        fix_parameter(self, 'pos_embed')
        self._fill_positions()

    def fill_weights(self) -> None:
        """Initialise the weights at random, as BEiT's code does, but not the positions."""
        super().fill_weights()
        self._fill_positions()

    def _fill_positions(self) -> None:
        positions = build_2d_sincos_position_embedding(
            self.patch_resolution, self.embed_dims, cls_token=self.cls_token is not None
        )
        self.pos_embed.copy_(positions)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images of any size.

        Args:
            x: (N, C, H, W).

        Returns:
            A map (N, D, H / patch, W / patch), rounded up, for each of ``out_indices``.
        """
        x, grid = embed_images(self, x)
        return maps_of_blocks(self, x, grid, None)  # no relative positions
