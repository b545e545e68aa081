"""Other ways to compute the same step, for ``step.py --against`` to compare with."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor

from mcl_plugins.algorithms import CcMIM
from mcl_plugins.mask_generators import PatchMask
from mcl_plugins.registry import MODELS


@MODELS.register_module()
class CcMIMWithMaps(CcMIM):
    """ccMIM as its released code computes it: same losses, same gradients.

    Importances come from whole attention maps, and the hidden patches are encoded with a graph
    that no gradient goes through.
    """

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Losses and monitors of a batch (N, 3, H, W)."""
        (images,) = inputs
        patches = self.backbone.embed(images)
        mask = self._mask_of(patches)
        tokens = self.backbone.encode(patches, mask.visible_ids)
        pixels = self.decoder(tokens, mask.restore_ids)
        loss_pixel = self.pixel_head.loss(pixels, images, mask.hidden)
        (visible,) = self.projector((tokens[:, 0],))
        tokens = self.backbone.encode(patches, mask.hidden_ids)
        (hidden,) = self.projector((tokens[:, 0],))
        return {'loss_pixel': loss_pixel, **self.contrast_head(visible, hidden)}

    @torch.no_grad()
    def _mask_of(self, patches: Tensor) -> PatchMask:
        maps: list[Tensor] = []
        attentions = [layer.attn for layer in self.backbone.layers]
        for attention in attentions:
            attention.forward = ExplicitAttention(attention, maps)
        self.backbone.encode(patches)
        for attention in attentions:
            del attention.forward  # back to the class's
        return self.mask_generator(torch.stack([m.mean(dim=1)[:, 0, 1:] for m in maps]).sum(dim=0))


class ExplicitAttention:
    """An attention that keeps its map (N, heads, T, T)."""

    def __init__(self, attention: MultiheadAttention, maps: list[Tensor]) -> None:
        self.attention: Any = attention
        self.maps = maps

    def __call__(self, x: Tensor) -> Tensor:
        """(N, T, D) -> (N, T, D)."""
        heads = self.attention.num_heads
        qkv = self.attention.qkv(x).unflatten(-1, (3, heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        scale = query.shape[-1] ** -0.5
        self.maps.append((query @ key.transpose(-1, -2) * scale).softmax(dim=-1))
        return self.attention.proj((self.maps[-1] @ value).transpose(1, 2).flatten(2))
