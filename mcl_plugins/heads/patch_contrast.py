"""ConMIM's contrast between the patches of an image, and its variants."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..registry import MODELS
from ..utils.checks import check_choice, check_temperature
from ..utils.similarity import feature_spread, l2_normalize
from .info_nce import info_nce


@MODELS.register_module()
class PatchContrastHead(nn.Module):
    """InfoNCE from each hidden patch to the patches of the teacher's view (ConMIM, Eq. 3).

    Similarities are cosines over the temperature. The keys are all L patches of the same image,
    hidden or not, the positive among them.

    Args:
        temperature: tau.
        negatives: ``'image'`` for the keys of the same image (ConMIM), ``'batch'`` for those of
            all images of the process (Table 5).
        max_negative_similarity: negatives whose cosine with the query exceeds this are left out
            (Table 5, "filtering"); None keeps all.
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
        """Loss and monitors of a batch.

        Args:
            query: (N, L, C) student projections.
            key: (N, L, C) teacher projections, no gradient.
            mask: hidden patches are the queries; None makes all patches queries.

        Returns:
            ``loss_contrast``, ``top1``, ``chance`` and ``key_spread``, float32 scalars.
        """
        batch, patches, _ = query.shape
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key)
            if mask is None:
                target = torch.arange(patches, device=query.device).expand(batch, -1)
            else:
                target = mask.ids_mask
                query = query.take_along_dim(target[..., None], dim=1)
            spread = feature_spread(key)
            if self.negatives == 'batch':  # one long image made of all of them
                first = torch.arange(batch, device=query.device) * patches
                target = (target + first[:, None]).reshape(1, -1)
                query, key = query.flatten(0, 1)[None], key.flatten(0, 1)[None]
            similarity = query @ key.transpose(1, 2)  # (N, queries, keys)
            if self.max_negative_similarity is not None:
                similarity = exclude_similar(similarity, target, self.max_negative_similarity)
            logits = (similarity / self.temperature).flatten(0, 1)
            return {**info_nce(logits, target.flatten()), 'key_spread': spread}


def exclude_similar(similarity: Tensor, target: Tensor, ceiling: float) -> Tensor:
    """Exclude negatives whose similarity exceeds ``ceiling`` from a softmax.

    Args:
        similarity: (N, queries, keys).
        target: (N, queries), the index of each positive; it stays in.
        ceiling: largest similarity of a negative that stays in.
    """
    similar = similarity.detach() > ceiling
    similar.scatter_(-1, target[..., None], False)
    return similarity.masked_fill(similar, -torch.inf)
