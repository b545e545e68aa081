"""DeiT: the plain vision transformer as timm initialises it."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..checkpoint.loading import init_from_checkpoint
from ..layers.initialisation import normal_layers
from ..registry import MODELS
from .vit import VisionTransformer


@MODELS.register_module()
class DeiT(VisionTransformer):
    """The encoder of MoBY's DeiT-S: learned positions, everything from a normal of 0.02.

    Takes the arguments of :class:`VisionTransformer`; the default output is the class token. With
    ``frozen`` no parameter learns, while drop path acts in training, as in MoBY's linear evaluation
    (``trained_blocks=0`` freezes without it).
    """

    def __init__(self, arch: str | dict = 'small', frozen: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault('out_type', 'cls_token')
        super().__init__(arch, **kwargs)
        if frozen:
            self.requires_grad_(False)

    def init_weights(self) -> None:
        """Initialise at random, or from ``init_cfg``'s checkpoint: all of it or an error."""
        if init_from_checkpoint(self):
            return
        super().init_weights()
        if self.init_cfg:
            return  # another initialisation was asked for
        normal_layers(self, std=0.02)
        self.patch_embed.projection.reset_parameters()  # timm leaves it to PyTorch
        for token in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(token, std=0.02)
