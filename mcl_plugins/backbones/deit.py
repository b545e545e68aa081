"""DeiT: the plain vision transformer with timm's initialisation."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..layers.initialisation import normal_layers
from ..registry import MODELS
from .vit import VisionTransformer


@MODELS.register_module()
class DeiT(VisionTransformer):
    """The encoder of MoBY's DeiT-S, with learned positions.

    Linear weights, class token and positions are drawn from a normal distribution of standard
    deviation 0.02. The arguments are those of :class:`VisionTransformer`; the default output is the
    class token.

    Args:
        arch: architecture, by name or as a dict.
        frozen: train no parameter, but keep drop path active in training, as in MoBY's linear
            evaluation. To freeze the encoder without drop path, use ``trained_blocks=0`` instead.
        **kwargs: other arguments of :class:`VisionTransformer`.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> DeiT(arch, img_size=32, patch_size=8)(torch.zeros(2, 3, 32, 32))[0].shape
        torch.Size([2, 24])
    """

    def __init__(self, arch: str | dict = 'small', frozen: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault('out_type', 'cls_token')
        super().__init__(arch, **kwargs)
        if frozen:
            self.requires_grad_(False)

    def fill_weights(self) -> None:
        """Initialise the weights at random, as timm does."""
        # Overwritten below. The call remains because it consumes random numbers: without it, a seed
        # would give other weights than before.
        super().fill_weights()
        normal_layers(self, std=0.02)
        self.patch_embed.projection.reset_parameters()  # PyTorch's default, as in timm
        for token in (self.cls_token, self.pos_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)
