"""A masked vision transformer with MoCo v3's initialisation."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..layers.initialisation import xavier_queries_keys_values
from ..registry import MODELS
from .vit import MaskedViT


@MODELS.register_module()
class MaskedMoCoViT(MaskedViT):
    """:class:`MaskedViT` with the initialisation of MoCo v3's encoder (released ``vits.py``).

    Queries, keys and values are initialised as three layers, the bias of the patch embedding with
    zeros and the class token from a normal of 1e-6. MoCo v3's ViT-S, ``arch='mocov3-small'``, has
    12 heads.

    Args:
        frozen_patch_embed: do not train the patch embedding, which stays random, as in MoCo v3.
        **kwargs: arguments of :class:`MaskedViT`.
    """

    def __init__(self, *args: Any, frozen_patch_embed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patch_embed.requires_grad_(not frozen_patch_embed)

    def fill_weights(self) -> None:
        """Fill the weights as MoCo v3's released code does."""
        super().fill_weights()
        for layer in self.layers:
            xavier_queries_keys_values(layer.attn.qkv)
        nn.init.zeros_(self.patch_embed.projection.bias)
        nn.init.normal_(self.cls_token, std=1e-6)
