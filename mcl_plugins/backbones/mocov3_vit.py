"""Vision transformers of MoCo v3, whole and masked."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.selfsup import MoCoV3ViT as _MoCoV3ViT
from torch import nn

from ..layers.initialisation import xavier_queries_keys_values
from ..layers.recompute import recompute_blocks
from ..layers.row_block import use_row_blocks
from ..registry import MODELS
from .encoder import Encoder
from .vit import MaskedViT


@MODELS.register_module()
class MoCoV3ViT(Encoder, _MoCoV3ViT):
    """mmpretrain's ``MoCoV3ViT`` with the attention and the recomputation of this package's ViTs.

    Args:
        with_cp: gradient checkpointing: recompute blocks in the backward pass.
        **kwargs: arguments of mmpretrain's class.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = MoCoV3ViT(arch=arch, img_size=32, patch_size=8, with_cp=True)
        >>> model(torch.zeros(2, 3, 32, 32))[0].shape
        torch.Size([2, 24])
    """

    def __init__(self, with_cp: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pos_embed.requires_grad_(False)  # mmpretrain fixes it only where it fills it
        use_row_blocks(self.layers)
        if with_cp:
            recompute_blocks(self.layers)

    def fill_weights(self) -> None:
        """Keep the weights, which mmpretrain's class has initialised as the released code does."""


@MODELS.register_module()
class MaskedMoCoViT(MaskedViT):
    """:class:`MaskedViT` with the initialisation of MoCo v3's encoder (released ``vits.py``).

    The projections to queries, keys and values are initialised as three separate layers. The bias
    of the patch embedding is zero, and the class token is drawn from a normal distribution of
    standard deviation 1e-6. MoCo v3's ViT-S with 12 heads is ``arch='mocov3-small'``.

    Args:
        frozen_patch_embed: do not train the patch embedding, which keeps its random weights, as in
            MoCo v3.
        **kwargs: arguments of :class:`MaskedViT`.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = MaskedMoCoViT(arch, img_size=32, patch_size=8, frozen_patch_embed=True)
        >>> model.patch_embed.projection.weight.requires_grad
        False
    """

    def __init__(self, *args: Any, frozen_patch_embed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patch_embed.requires_grad_(not frozen_patch_embed)

    def fill_weights(self) -> None:
        """Initialise the weights at random, as MoCo v3's released code does."""
        super().fill_weights()
        for layer in self.layers:
            xavier_queries_keys_values(layer.attn.qkv)
        nn.init.zeros_(self.patch_embed.projection.bias)
        nn.init.normal_(self.cls_token, std=1e-6)
