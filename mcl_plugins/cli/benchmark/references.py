"""Other ways to compute the same step, for ``mcl bench step --against`` to compare with.

They have a registry and a scope of their own, ``mcl_benchmark``: nothing is added to the package's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine import registry as root
from mmpretrain.models.selfsup import BEiTPretrainViT
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor

from ...algorithms import CcMIM
from ...backbones import MaskedViT
from ...heads import QueueInfoNCEHead
from ...heads.info_nce import info_nce
from ...mask_generators import PatchMask
from ...utils.similarity import feature_spread, l2_normalize

REFERENCES = root.Registry(
    'benchmark reference', parent=root.MODELS, scope='mcl_benchmark', locations=[__name__]
)


@REFERENCES.register_module()
class CcMIMWithMaps(CcMIM):
    """ccMIM with its default importances, the way its released code goes: the same numbers.

    All passes of the encoder build their attention maps, and the hidden patches are encoded with
    a graph that no gradient goes through. The decoder is the same.
    """

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Losses and monitors of a batch (N, 3, H, W)."""
        patches = self.backbone.embed(image)
        with explicit_attention(self.backbone) as maps:
            mask = self._mask_from(maps, patches)
            tokens = self.backbone.encode(patches, mask.ids_keep)
            hidden_tokens = self.backbone.encode(patches, mask.ids_mask)
        pixels = self.decoder(tokens, mask.ids_restore)
        loss_pixel = self.pixel_head.loss(pixels, image, mask.mask)
        (visible,) = self.projector((tokens[:, 0],))
        (hidden,) = self.projector((hidden_tokens[:, 0],))
        return {'loss_pixel': loss_pixel, **self.contrast_head(visible, hidden)}

    @torch.no_grad()
    def _mask_from(self, maps: list[Tensor], patches: Tensor) -> PatchMask:
        self.backbone.encode(patches)
        importance = torch.stack([m.mean(dim=1)[:, 0, 1:] for m in maps]).sum(dim=0)
        maps.clear()
        return self.mask_generator(importance)


@REFERENCES.register_module()
class MMPretrainBEiT(BEiTPretrainViT):
    """mmpretrain's encoder of masked images, called as ConMIM's."""

    @property
    def mask_grid(self) -> tuple[int, int]:
        """(rows, columns) of patches, over which masks are drawn."""
        return self.patch_resolution

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> (N, 1 + L, D)."""
        if mask is None:
            hidden = x.new_zeros(len(x), self.mask_grid[0] * self.mask_grid[1])
            return super().forward(x, hidden)
        return super().forward(x, mask.mask)


@REFERENCES.register_module()
class QueueInfoNCEWithLogits(QueueInfoNCEHead):
    """MoBY's and MimCo's loss as the released MoBY computes it: one tensor of all logits."""

    def forward(self, query: Tensor, key: Tensor, negatives: Tensor) -> dict[str, Tensor]:
        """As the base class's."""
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            positive = (query * key).sum(dim=-1, keepdim=True)
            logits = torch.cat((positive, query @ negatives.clone()), dim=1) / self.temperature
            target = torch.zeros(len(query), dtype=torch.long, device=query.device)
            return {**info_nce(logits, target), 'key_spread': feature_spread(key)}


@contextmanager
def explicit_attention(encoder: MaskedViT) -> Iterator[list[Tensor]]:
    """Let the encoder's blocks build their maps (N, heads, T, T), and keep those of a pass."""
    maps: list[Tensor] = []
    attentions = [layer.attn for layer in encoder.layers]
    for attention in attentions:
        attention.forward = ExplicitAttention(attention, maps)
    try:
        yield maps
    finally:
        for attention in attentions:
            del attention.forward  # back to the class's


class ExplicitAttention:
    """An attention without a fused kernel; it adds its map to ``maps``."""

    def __init__(self, attention: MultiheadAttention, maps: list[Tensor]) -> None:
        self.attention: Any = attention
        self.maps = maps

    def __call__(self, x: Tensor) -> Tensor:
        """(N, T, D) -> (N, T, D)."""
        heads = self.attention.num_heads
        qkv = self.attention.qkv(x).unflatten(-1, (3, heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        scale = query.shape[-1] ** -0.5
        attention = (query @ key.transpose(-1, -2) * scale).softmax(dim=-1)
        self.maps.append(attention)
        return self.attention.proj((attention @ value).transpose(1, 2).flatten(2))
