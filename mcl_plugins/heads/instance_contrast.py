"""Contrast between whole images: InfoNCE, its variants, and the loss without negatives."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..mask_generators import PatchMask
from ..registry import MODELS
from ..utils.checks import check_temperature
from ..utils.collectives import gather_keys, gather_with_gradient, own_ids
from ..utils.similarity import feature_spread, l2_normalize
from .info_nce import in_batch_info_nce


@MODELS.register_module()
class InfoNCEHead(nn.Module):
    """InfoNCE from each image's queries to the keys of the whole batch, over all processes.

    One direction, in-batch negatives, times 2 tau: the loss of CMAE's and ccMIM's released codes
    (CMAE's Eq. 7 has no 2 tau) and, one direction of it, that of MoCo v3 and Masked MoCo (Eq. 1).
    Queries of one image are not compared with each other.

    Args:
        temperature: tau; similarities are cosines over it.
        loss_weight: factor of the loss beside the 2 tau.
    """

    def __init__(self, temperature: float, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)
        self.loss_weight = loss_weight

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Loss and monitors of a batch.

        Args:
            query: (N, C), or (N, n, C): n queries of each image.
            key: (N, C) of the same images; no gradient flows into it.

        Returns:
            ``loss_contrast`` and ``chance``, its value for a network that cannot tell the keys
            apart, both weighted; ``top1`` and ``key_spread``; float32 scalars.
        """
        with torch.autocast(query.device.type, enabled=False):
            result = in_batch_info_nce(
                l2_normalize(query), l2_normalize(key.detach()), self.temperature
            )
            scale = 2 * self.temperature * self.loss_weight
            return {
                'loss_contrast': scale * result['loss_contrast'],
                'top1': result['top1'],
                'chance': scale * result['chance'],
                'key_spread': result['key_spread'],
            }


@MODELS.register_module()
class VisibleNegativesHead(InfoNCEHead):
    """ccMIM's Eq. 7 as printed: the negatives are the visible parts of the other images.

    They are compared with both the visible and the hidden part of an image; its positive pair is
    these two. The released code compares the visible part with the other images' hidden parts
    instead (:class:`InfoNCEHead`). The loss is multiplied by 2 tau here too.
    """

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """As :meth:`InfoNCEHead.forward`; query is the visible part, key the hidden one.

        Gradients also flow through the visible parts of the other images, on all processes.
        """
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            visible = gather_with_gradient(query)
            own = own_ids(query)
            to_visible = query @ visible.T / self.temperature  # (N, images)
            to_hidden = key @ visible.T / self.temperature
            others = to_visible.scatter(1, own[:, None], -torch.inf)
            logits = torch.cat((to_hidden, others), dim=1)
            scale = 2 * self.temperature * self.loss_weight
            return {
                'loss_contrast': scale * F.cross_entropy(logits, own),
                'top1': (logits.detach().argmax(dim=1) == own).float().mean(),
                'chance': logits.new_full((), scale * math.log(2 * len(visible) - 1)),
                'key_spread': feature_spread(gather_keys(key)),
            }


@MODELS.register_module()
class CosineHead(nn.Module):
    """1 - cos between query and key, without negatives (ccMIM, Eq. 8).

    BYOL's 2 - 2 cos is ``loss_weight=2``.

    Args:
        loss_weight: factor of the loss.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Loss and monitors of a batch.

        Args:
            query: (N, C) predictions, or (N, n, C): n of each image.
            key: (N, C) of the same images; no gradient flows into it.

        Returns:
            ``loss_contrast``, ``chance`` (the weighted loss of orthogonal features) and
            ``key_spread``, which falls towards 0 when the features collapse; float32 scalars.
        """
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            cosine = torch.einsum('n...c,nc->n...', query, key).mean()
            return {
                'loss_contrast': self.loss_weight * (1 - cosine),
                'chance': cosine.new_full((), self.loss_weight),
                'key_spread': feature_spread(gather_keys(key)),
            }


@MODELS.register_module()
class InstanceContrastHead(nn.Module):
    """InfoNCE between images, on the mean of their patch projections (ConMIM, Table 4).

    It takes the place of :class:`PatchContrastHead` in ConMIM, whose loss has no factor 2 tau.

    Args:
        temperature: tau.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def forward(self, query: Tensor, key: Tensor, mask: PatchMask | None) -> dict[str, Tensor]:
        """As :meth:`PatchContrastHead.forward`; the mask does not change what is compared."""
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query.mean(dim=1)), l2_normalize(key.mean(dim=1))
            return in_batch_info_nce(query, key, self.temperature)
