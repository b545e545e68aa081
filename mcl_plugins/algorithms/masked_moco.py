"""Masked MoCo and Masked BYOL: An Improved Baseline for Masked Contrastive Learning (anonymous)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..backbones import MaskedViT
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
    """MoCo v3 whose online encoder encodes disjoint chunks of an image separately.

    The patches of an image are split at random into n disjoint chunks. The online encoder encodes
    each chunk separately, as a sequence with its own class token. So every patch is used, but no
    forward pass sees the whole image. Each of the n predictions is contrasted with the key of the
    other view. The key comes from the target, the EMA of encoder and projector, which encodes the
    whole view. If the target gets chunks too, the key is the normalised sum of their L2-normalised
    projections (Eq. 4).

    The loss is symmetrised: each view gives queries and a key. With one chunk for both encoders
    this is MoCo v3. As there, the BatchNorms of projector and predictor use all samples of one
    view, here all of its chunks.

    Args:
        backbone: a :class:`MaskedViT` without mask token.
        projector: from (N, D) class tokens to (N, C), for the online branch; its EMA is used for
            the target.
        predictor: from (N, C) to (N, C), for the online branch only.
        contrast_head: loss between (N, n, C) predictions and (N, C) keys (Eq. 1).
        num_chunks: n, the number of chunks of an online view.
        momentum: ``start`` and ``end`` of the target's cosine momentum.
        target_chunks: m, the number of chunks of a target view; with 1 the target encodes the whole
            view.
        class_attention: from the encoder's tokens (N, 1 + L, D) to the projector's input, as one
            token (N, 1, D), for both branches; with None the projector gets the class token
            (section 3.4).
        data_preprocessor: makes the two views.

    Raises:
        ValueError: the backbone cannot encode chunks, there are more chunks than patches, or a
            part was configured for an encoder of another width.
    """

    views = ('first', 'second')
    encoder_output = 'the visible tokens'
    encoder_class = MaskedViT
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

        Returns:
            The contrast head's loss and monitors, with both directions combined.
        """
        views = (first, second)
        queries = [self._queries(view) for view in views]  # (N, n, C) each
        with torch.no_grad():
            keys = [self._key(view) for view in views]  # (N, C) each
        return symmetrise(*map(self.contrast_head, queries, keys[::-1]))

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """Projector and predictor, as far as they do not get several chunks of an image."""
        online, target = self.partition.num_chunks, self.target_partition.num_chunks
        return (
            self.projector if min(online, target) == 1 else None,
            self.predictor if online == 1 else None,
        )

    @property
    def num_chunks(self) -> int:
        """Number of chunks into which an image is split; the online encoder encodes each alone."""
        return self.partition.num_chunks

    def draw_mask(self, images: Tensor) -> PatchMask:
        """Draw chunks of images (N, 3, H, W) and mask all patches outside the first chunk."""
        chunks = self._chunks(images, self.partition)
        size = (len(images), math.prod(self.backbone.patch_resolution))
        masked = torch.full(size, chunks is not None, device=images.device)
        if chunks is not None:
            masked.scatter_(1, chunks[:, 0], False)
        return PatchMask.from_mask(masked)

    def _queries(self, images: Tensor) -> Tensor:
        """Predict n queries (N, n, C) from views (N, 3, H, W), one for each chunk."""
        projections = self._project(self, images, self.partition)
        (predictions,) = self.predictor((projections,))
        return predictions.unflatten(0, (len(images), -1))

    def _key(self, images: Tensor) -> Tensor:
        """Compute the target's L2-normalised keys (N, C) of views, with BatchNorm in train mode."""
        projections = l2_normalize(self._project(self.ema, images, self.target_partition))
        return l2_normalize(projections.unflatten(0, (len(images), -1)).sum(dim=1))

    def _project(self, network: Any, images: Tensor, partition: Partition) -> Tensor:
        """Project the n chunks of each view (N, 3, H, W) to (N n, C), ordered by image.

        ``network`` is the method itself or its EMA; both have the same parts.
        """
        patches = network.backbone.embed(images)  # (N, L, D)
        tokens = network.backbone.encode(patches, self._chunks(images, partition))
        features = network.class_attention(tokens)[:, 0]  # (N n, D)
        (projections,) = network.projector((features,))
        return projections

    def _chunks(self, images: Tensor, partition: Partition) -> Tensor | None:
        """Draw the indices (N, n, L // n) of the patches in each chunk; None for one chunk."""
        return partition(len(images), self.backbone.patch_resolution, images.device)


@MODELS.register_module()
class MaskedBYOL(MaskedMoCo):
    """BYOL with chunks: as :class:`MaskedMoCo`, but the loss has no negatives.

    The loss 2 - 2 cos maximises the cosine similarity between each chunk's prediction and the key.
    It is averaged over the chunks and symmetrised: both directions are added. The predictor should
    not end with a normalisation layer (section 3.1).

    Args:
        contrast_head: the loss; 2 - 2 cos by default.
        **parts: the other arguments of :class:`MaskedMoCo`.
    """

    def __init__(self, contrast_head: dict | None = None, **parts: Any) -> None:
        contrast_head = contrast_head or dict(type='mcl_plugins.CosineHead', loss_weight=2.0)
        super().__init__(contrast_head=contrast_head, **parts)
