"""Reference implementations of the same step, to compare with ``mcl bench step --against``.

They are registered in their own registry with the scope ``mcl_benchmark``, not in the package's.
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
    """ccMIM computed like its released code, with the same results for the default importance.

    All passes of the encoder compute explicit attention maps, and the masked patches are encoded
    with a graph that receives no gradient. The decoder is the same.
    """

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Compute losses and monitors of a batch (N, 3, H, W)."""
        patches = self.backbone.embed(image)
        with explicit_attention(self.backbone) as maps:
            mask = self._mask_from(maps, patches)
            tokens = self.backbone.encode(patches, mask.ids_keep)
            masked_tokens = self.backbone.encode(patches, mask.ids_mask)
        pixels = self.decoder(tokens, mask.ids_restore)
        loss_pixel = self.pixel_head.loss(pixels, image, mask.mask)
        (visible,) = self.projector((tokens[:, 0],))
        (masked,) = self.projector((masked_tokens[:, 0],))
        return {'loss_pixel': loss_pixel, **self.contrast_head(visible, masked)}

    @torch.no_grad()
    def _mask_from(self, maps: list[Tensor], patches: Tensor) -> PatchMask:
        self.backbone.encode(patches)
        importance = torch.stack([m.mean(dim=1)[:, 0, 1:] for m in maps]).sum(dim=0)
        maps.clear()
        return self.mask_generator(importance)


@REFERENCES.register_module()
class MMPretrainBEiT(BEiTPretrainViT):
    """mmpretrain's encoder of masked images with the interface of ConMIM's."""

    @property
    def mask_grid(self) -> tuple[int, int]:
        """(rows, columns) of patches, over which masks are drawn."""
        return self.patch_resolution

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor, ...]:
        """Encode images (N, 3, H, W) into tokens (N, 1 + L, D)."""
        if mask is None:
            no_mask = x.new_zeros(len(x), self.mask_grid[0] * self.mask_grid[1])
            return super().forward(x, no_mask)
        return super().forward(x, mask.mask)


@REFERENCES.register_module()
class QueueInfoNCEWithLogits(QueueInfoNCEHead):
    """Loss of MoBY and MimCo as the released MoBY computes it, with one tensor of all logits."""

    def forward(self, query: Tensor, key: Tensor, negatives: Tensor) -> dict[str, Tensor]:
        """Compute the loss; see the base class."""
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            positive = (query * key).sum(dim=-1, keepdim=True)
            logits = torch.cat((positive, query @ negatives.clone()), dim=1) / self.temperature
            target = torch.zeros(len(query), dtype=torch.long, device=query.device)
            return {**info_nce(logits, target), 'key_spread': feature_spread(key)}


@contextmanager
def explicit_attention(encoder: MaskedViT) -> Iterator[list[Tensor]]:
    """Let the encoder's blocks compute and keep their attention maps (N, heads, T, T)."""
    maps: list[Tensor] = []
    attentions = [layer.attn for layer in encoder.layers]
    for attention in attentions:
        attention.forward = ExplicitAttention(attention, maps)
    try:
        yield maps
    finally:
        for attention in attentions:
            del attention.forward  # use the method of the class again


class ExplicitAttention:
    """Attention without a fused kernel that appends its map to ``maps``."""

    def __init__(self, attention: MultiheadAttention, maps: list[Tensor]) -> None:
        self.attention: Any = attention
        self.maps = maps

    def __call__(self, x: Tensor) -> Tensor:
        """Attend within tokens (N, T, D)."""
        heads = self.attention.num_heads
        qkv = self.attention.qkv(x).unflatten(-1, (3, heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        scale = query.shape[-1] ** -0.5
        attention = (query @ key.transpose(-1, -2) * scale).softmax(dim=-1)
        self.maps.append(attention)
        return self.attention.proj((attention @ value).transpose(1, 2).flatten(2))
