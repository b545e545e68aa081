"""Plain vision transformer that replaces hidden patches by a learned mask token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..registry import MODELS
from .vit import MaskedViT


@MODELS.register_module()
class SimMIMViT(MaskedViT):
    """ViT that replaces each hidden patch by a mask token, as in SimMIM (MimCo's student).

    The mask token replaces the patch embedding; the fixed position of the patch is added to it. The
    class token takes part in the attention but not in the output. It takes the arguments of
    :class:`MaskedViT`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))

    def init_weights(self) -> None:
        """Initialise as :class:`MaskedViT`, with a mask token from a normal of 0.02."""
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        super().init_weights()

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode images, parts of which are hidden.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.
            mask: None shows everything.

        Returns:
            One map (N, D, rows, columns) of the patches.
        """
        patches = self.embed(x)
        if mask is not None:
            token = self.mask_token + self.pos_embed[:, 1:]
            patches = torch.where(mask.mask[..., None], token, patches)
        tokens = self.encode(patches)[:, 1:]
        return (tokens.transpose(1, 2).unflatten(2, self.mask_grid),)
