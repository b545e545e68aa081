"""MoCo v3's start of a vision transformer that is also encoded in parts."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..layers.initialisation import xavier_queries_keys_values
from ..registry import MODELS
from .vit import MaskedViT


@MODELS.register_module()
class MaskedMoCoViT(MaskedViT):
    """:class:`MaskedViT` that starts as MoCo v3's encoder does (released ``vits.py``).

    Queries, keys and values start as three layers, the bias of the patch embedding at zero and the
    class token nearly there.
    Its ViT-S, ``arch='mocov3-small'``, has 12 heads.

    Args:
        frozen_patch_embed: leave the patch embedding at its random start, as MoCo v3 does.
        **kwargs: arguments of :class:`MaskedViT`.
    """

    def __init__(self, *args: Any, frozen_patch_embed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patch_embed.requires_grad_(not frozen_patch_embed)

    def init_weights(self) -> None:
        """Initialise at random, or from ``init_cfg``'s checkpoint: all of it or an error."""
        super().init_weights()
        if self.init_cfg:
            return
        for layer in self.layers:
            xavier_queries_keys_values(layer.attn.qkv)
        nn.init.zeros_(self.patch_embed.projection.bias)
        nn.init.normal_(self.cls_token, std=1e-6)
