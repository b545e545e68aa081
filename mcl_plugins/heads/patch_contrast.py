"""ConMIM's contrastive loss between the patches of an image, and its variants."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask, gather_patches
from ..registry import MODELS
from ..utils.checks import check_choice, check_temperature
from ..utils.similarity import feature_spread, l2_normalize
from .info_nce import info_nce


@MODELS.register_module()
class PatchContrastHead(nn.Module):
    """InfoNCE of each masked patch against the patches of the teacher's view (ConMIM, Eq. 3).

    The logits are cosines divided by the temperature. The keys are all L patches of the same image,
    masked or visible; the positive is the key at the position of the query.

    Args:
        temperature: tau.
        negatives: ``'image'`` compares a query with the patches of its own image (ConMIM),
            ``'batch'`` with those of all images of the process (Table 5).
        max_negative_similarity: negatives whose cosine with the query exceeds this value are
            excluded (Table 5, "filtering"); None excludes none.

    Raises:
        ValueError: ``temperature`` is not positive, or ``negatives`` is unknown.

    Example:
        >>> patches = torch.eye(4)[None]  # one image of 4 patches with orthogonal features
        >>> mask = PatchMask.from_mask(torch.tensor([[True, False, False, True]]))
        >>> result = PatchContrastHead(temperature=1.0)(patches, patches, mask)
        >>> result['loss_contrast'], result['chance']  # ln(e + 3) - 1 and ln 4
        (tensor(0.7437), tensor(1.3863))
    """

    def __init__(
        self,
        temperature: float = 0.1,
        negatives: Literal['image', 'batch'] = 'image',
        max_negative_similarity: float | None = None,
    ) -> None:
        super().__init__()
        check_choice('negatives', negatives, ('image', 'batch'))
        self.temperature = check_temperature(temperature)
        self.negatives = negatives
        self.max_negative_similarity = max_negative_similarity

    def forward(self, query: Tensor, key: Tensor, mask: PatchMask | None) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch.

        Args:
            query: (N, L, C) student projections.
            key: (N, L, C) teacher projections, without gradient.
            mask: the masked patches are the queries; with None all patches are.

        Returns:
            Float32 scalars ``loss_contrast``, ``top1``, ``chance`` and ``key_spread``.
        """
        batch, patches, _ = query.shape
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key)
            if mask is None:
                target = torch.arange(patches, device=query.device).expand(batch, -1)
            else:
                target = mask.ids_mask
                query = gather_patches(query, target)
            spread = feature_spread(key)
            if self.negatives == 'batch':  # as if all images were one long image
                first = torch.arange(batch, device=query.device) * patches
                target = (target + first[:, None]).reshape(1, -1)
                query, key = query.flatten(0, 1)[None], key.flatten(0, 1)[None]
            similarity = query @ key.transpose(1, 2)  # (N, queries, keys)
            if self.max_negative_similarity is not None:
                similarity = exclude_similar(similarity, target, self.max_negative_similarity)
            logits = (similarity / self.temperature).flatten(0, 1)
            return {**info_nce(logits, target.flatten()), 'key_spread': spread}


def exclude_similar(similarity: Tensor, target: Tensor, ceiling: float) -> Tensor:
    """Exclude negatives that are too similar to the query: set their similarity to -inf.

    Args:
        similarity: (N, queries, keys).
        target: (N, queries), the index of the positive key, which is never excluded.
        ceiling: negatives of a higher similarity are excluded.

    Example:
        >>> similarity = torch.tensor([[[0.9, 0.8, 0.1]]])
        >>> exclude_similar(similarity, target=torch.tensor([[0]]), ceiling=0.5)
        tensor([[[0.9000,   -inf, 0.1000]]])
    """
    similar = similarity.detach() > ceiling
    similar.scatter_(-1, target[..., None], False)
    return similarity.masked_fill(similar, -torch.inf)
