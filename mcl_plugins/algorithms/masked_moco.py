"""Masked MoCo and Masked BYOL: An Improved Baseline for Masked Contrastive Learning (anonymous)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..backbones import MaskedViT, SimMIMViT
from ..heads.info_nce import symmetrise
from ..mask_generators import Partition, PatchMask
from ..registry import MODELS, build_part
from ..targets import EMA
from ..targets.ema import disable_drop_path
from ..utils.checks import check_width
from ..utils.similarity import l2_normalize
from .base import PretrainingMethod


@MODELS.register_module()
class MaskedMoCo(PretrainingMethod):
    """MoCo v3 whose online encoder sees an image in disjoint chunks: all of it, never at once.

    The patches of a view are shuffled and cut into n chunks, which go through the encoder as n
    short sequences, each with a class token. All n predictions have to find the one key of the
    other view, which the target, the EMA of encoder and projector, makes of the whole image. The
    target may see chunks too: its key is then their spherical mean (Eq. 4).

    Both views are online and both make keys. With one chunk everywhere this is MoCo v3. As there,
    BatchNorm in a head takes the chunks of one view together.

    Args:
        backbone: a :class:`MaskedViT`.
        projector: from (N, D) class tokens to (N, C), online and, as an EMA, in the target.
        predictor: from (N, C) to (N, C), online only.
        contrast_head: compares (N, n, C) predictions with (N, C) keys (Eq. 1).
        num_chunks: n, the chunks of an online view.
        momentum: ``start`` and ``end`` of the target's cosine momentum.
        target_chunks: m, the chunks of a target view; 1 shows it the whole view.
        class_attention: from the encoder's tokens (N, 1 + L, D) to what the projector takes, as a
            token (N, 1, D), online and in the target; None takes the class token (section 3.4).
        data_preprocessor: makes the two views.

    Raises:
        ValueError: the backbone cannot encode chunks, there are more chunks than patches, or a
            part is made for an encoder of another width.
    """

    views = ('first', 'second')
    ema: EMA

    def __init__(
        self,
        backbone: dict,
        projector: dict,
        predictor: dict,
        contrast_head: dict,
        num_chunks: int,
        momentum: dict,
        target_chunks: int = 1,
        class_attention: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(backbone, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if not isinstance(self.backbone, MaskedViT) or isinstance(self.backbone, SimMIMViT):
            raise ValueError(
                'Chunks need a MaskedViT without mask token, for example MaskedMoCoViT, got '
                f'{type(self.backbone).__name__}.'
            )
        self.class_attention = build_part(class_attention) or nn.Identity()
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.contrast_head = build_part(contrast_head)
        self.partition = Partition(num_chunks)
        self.target_partition = Partition(target_chunks, 'target_chunks')
        for partition in (self.partition, self.target_partition):
            partition.chunk_length(math.prod(self.backbone.patch_resolution))
        check_width('projector.in_channels', projector.get('in_channels'), self.backbone)
        if class_attention:
            width = class_attention.get('embed_dims')
            check_width('class_attention.embed_dims', width, self.backbone)
        self.ema = EMA(
            momentum,
            backbone=self.backbone,
            class_attention=self.class_attention,
            projector=self.projector,
        )
        disable_drop_path(self.ema)

    def losses(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Contrast the predictions of each view's chunks with the key of the other view.

        Args:
            first: (N, 3, H, W).
            second: (N, 3, H, W), another crop of the same images.
        """
        views = (first, second)
        queries = [self._queries(view) for view in views]  # (N, n, C) each
        with torch.no_grad():
            keys = [self._key(view) for view in views]  # (N, C) each
        return symmetrise(*map(self.contrast_head, queries, keys[::-1]))

    @property
    def num_chunks(self) -> int:
        """How many parts of an image the online encoder encodes, each by itself."""
        return self.partition.num_chunks

    def draw_mask(self, images: Tensor) -> PatchMask:
        """Partition images (N, 3, H, W); what is not in the first chunk is hidden from it."""
        chunks = self._chunks(images, self.partition)
        size = (len(images), math.prod(self.backbone.patch_resolution))
        hidden = torch.full(size, chunks is not None, device=images.device)
        if chunks is not None:
            hidden.scatter_(1, chunks[:, 0], False)
        return PatchMask.from_mask(hidden)

    def _queries(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, n, C) predictions."""
        projections = self._project(self, images, self.partition)
        (predictions,) = self.predictor((projections,))
        return predictions.unflatten(0, (len(images), -1))

    def _key(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C) L2-normalised keys of the target; BatchNorm in train mode."""
        projections = l2_normalize(self._project(self.ema, images, self.target_partition))
        return l2_normalize(projections.unflatten(0, (len(images), -1)).sum(dim=1))

    def _project(self, network: Any, images: Tensor, partition: Partition) -> Tensor:
        """(N, 3, H, W) -> (N n, C) projections of n chunks of each image, image by image."""
        patches = network.backbone.embed(images)  # (N, L, D)
        tokens = network.backbone.encode(patches, self._chunks(images, partition))
        features = network.class_attention(tokens)[:, 0]  # (N n, D)
        (projections,) = network.projector((features,))
        return projections

    def _chunks(self, images: Tensor, partition: Partition) -> Tensor | None:
        """(N, n, L // n) ids of the patches in each chunk; None for one chunk."""
        return partition(len(images), self.backbone.patch_resolution, images.device)


@MODELS.register_module()
class MaskedBYOL(MaskedMoCo):
    """BYOL in the same way: each chunk's prediction is drawn to the key, without negatives.

    The loss is 2 - 2 cos, averaged over the chunks and added over both directions. The predictor
    should end without a norm (section 3.1).

    Args:
        contrast_head: 2 - 2 cos by default.
        **parts: the other arguments of :class:`MaskedMoCo`.
    """

    def __init__(self, contrast_head: dict | None = None, **parts: Any) -> None:
        contrast_head = contrast_head or dict(type='mcl_plugins.CosineHead', loss_weight=2.0)
        super().__init__(contrast_head=contrast_head, **parts)
