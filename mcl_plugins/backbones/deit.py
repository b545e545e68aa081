"""DeiT: the plain vision transformer with timm's initialisation."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..layers.initialisation import normal_layers
from ..registry import MODELS
from .vit import VisionTransformer


@MODELS.register_module()
class DeiT(VisionTransformer):
    """The encoder of MoBY's DeiT-S: learned positions, initial weights from a normal of 0.02.

    It takes the arguments of :class:`VisionTransformer`; the default output is the class token.
    With ``frozen`` no parameter is trained, but drop path is active in training, as in MoBY's
    linear evaluation. ``trained_blocks=0`` freezes the encoder without drop path.
    """

    def __init__(self, arch: str | dict = 'small', frozen: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault('out_type', 'cls_token')
        super().__init__(arch, **kwargs)
        if frozen:
            self.requires_grad_(False)

    def fill_weights(self) -> None:
        """Fill the weights as timm does."""
        super().fill_weights()  # overwritten below; kept so that a seed gives the same weights
        normal_layers(self, std=0.02)
        self.patch_embed.projection.reset_parameters()  # PyTorch's, as in timm
        for token in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(token, std=0.02)
