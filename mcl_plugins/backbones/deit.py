"""DeiT: the plain vision transformer as timm initialises it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..checkpoint.loading import init_from_checkpoint
from ..registry import MODELS
from .vit import VisionTransformer


@MODELS.register_module()
class DeiT(VisionTransformer):
    """The encoder of MoBY's DeiT-S: learned positions, everything from a normal of 0.02.

    Takes the arguments of :class:`VisionTransformer`; the default output is the class token.
    """

    def __init__(self, arch: str | dict = 'small', **kwargs: Any) -> None:
        kwargs.setdefault('out_type', 'cls_token')
        super().__init__(arch, **kwargs)

    def init_weights(self) -> None:
        """Initialise at random, or from ``init_cfg``'s checkpoint: all of it or an error."""
        if init_from_checkpoint(self):
            return
        super().init_weights()
        if self.init_cfg:
            return  # another initialisation was asked for
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.patch_embed.projection.reset_parameters()  # timm leaves it to PyTorch
        with torch.no_grad():
            nn.init.trunc_normal_(self.cls_token, std=0.02)
            nn.init.trunc_normal_(self.pos_embed, std=0.02)
