"""Plain vision transformer that replaces masked patches by a learned mask token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..registry import MODELS
from .vit import MaskedViT


@MODELS.register_module()
class SimMIMViT(MaskedViT):
    """ViT that replaces each masked patch by a mask token, as in SimMIM (MimCo's student).

    The mask token replaces the patch embedding; the fixed position of the patch is added to it. The
    class token takes part in the attention, but is not in the output. The arguments are those of
    :class:`MaskedViT`.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = SimMIMViT(arch, img_size=32, patch_size=8)
        >>> mask = PatchMask.from_mask(torch.arange(16).expand(2, 16) < 12)  # 75 % masked
        >>> model(torch.zeros(2, 3, 32, 32), mask)[0].shape
        torch.Size([2, 24, 4, 4])
    """

    masked_output = 'one map'

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))

    def init_weights(self) -> None:
        """Initialise as :class:`MaskedViT`; the mask token has a standard deviation of 0.02."""
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        super().init_weights()

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode masked images.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.
            mask: masked patches are replaced by the mask token; None if nothing is masked.

        Returns:
            One map (N, D, rows, columns) of all patches.
        """
        patches = self.embed(x)
        if mask is not None:
            token = self.mask_token + self.pos_embed[:, 1:]
            patches = torch.where(mask.mask[..., None], token, patches)
        tokens = self.encode(patches)[:, 1:]
        return (tokens.transpose(1, 2).unflatten(2, self.mask_grid),)
