"""ViTDet's backbone: windowed blocks, four global blocks, decomposed relative positions."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from ..registry import MODELS
from ..utils.checks import check_image_size
from .windowed_vit import WindowedViT


@MODELS.register_module()
class ViTDet(WindowedViT):
    """Plain ViT for detection (Li et al., ECCV 2022; detectron2's ``vit.py``).

    Blocks attend within windows of 14 x 14 patches, except four global ones. Each block has its own
    tables of relative positions along both axes, initialised to zero. The absolute positions are
    learned on the grid of pre-training and interpolated (bicubic) to the grid of the image. Images
    may have other sizes than ``img_size``; the tables of the global blocks are then interpolated,
    too.

    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.')`` loads any ViT that this
    package pre-trains. Class token and final norm are not loaded, and the relative positions keep
    their initial values. Any other difference is an error.

    Args:
        arch, img_size, **kwargs: arguments of :class:`WindowedViT` except ``decomposed``.
        pretrain_img_size: side of the images in pre-training, in pixels.

    Raises:
        ValueError: see :class:`WindowedViT`; or ``pretrain_img_size`` is not a multiple of the
            patch size.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=48)
        >>> model = ViTDet(arch, img_size=64, pretrain_img_size=32, window_size=2)
        >>> [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 96))]
        [(1, 24, 4, 6)]
    """

    task_tensors = ('rel_pos_h', 'rel_pos_w')

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 1024,
        pretrain_img_size: int = 224,
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, img_size, decomposed=True, **kwargs)
        check_image_size(pretrain_img_size, self.patch_size)
        side = pretrain_img_size // self.patch_size
        self.position_size = (side, side)
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side, self.embed_dims))

    def fill_weights(self) -> None:
        """Initialise the weights as detectron2's ViTDet does."""
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        super().fill_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, C, H, W), whose sides are multiples of the patch size.

        Returns:
            A map (N, D, H / patch, W / patch) for each of ``out_indices``.
        """
        x = self._embed(x)
        size = tuple(x.shape[1:3])
        positions = resize_pos_embed(
            self.pos_embed, self.position_size, size, 'bicubic', num_extra_tokens=0
        )
        return self._encode(x + positions.unflatten(1, size))
