"""Contrast between images: InfoNCE, its variants, and the cosine loss without negatives."""

from __future__ import annotations

import math
from typing import ClassVar

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
    """InfoNCE of each image's queries against the keys of the whole batch, from all processes.

    The loss has one direction (queries to keys), takes its negatives from the batch, and is
    multiplied by 2 tau. This is the loss of CMAE's and ccMIM's released code (CMAE's Eq. 7 has no
    2 tau), and one of the two directions of MoCo v3 and Masked MoCo (Eq. 1). Queries of the same
    image are not compared with each other.

    Args:
        temperature: tau, by which the cosine similarities are divided.
        loss_weight: factor of the loss, in addition to 2 tau.

    Raises:
        ValueError: ``temperature`` is not positive.

    Example:
        >>> same = torch.ones(4, 8)  # a collapsed network
        >>> result = InfoNCEHead(temperature=0.5)(same, same)
        >>> result['loss_contrast'], result['key_spread']  # 2 tau ln 4
        (tensor(1.3863), tensor(0.))
    """

    compares_images: ClassVar[bool] = True  # the negatives are the other images of the batch

    def __init__(self, temperature: float, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)
        self.loss_weight = loss_weight

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch.

        Args:
            query: (N, C), or (N, n, C) with n queries per image.
            key: (N, C) of the same images; no gradient flows into it.

        Returns:
            Float32 scalars: ``loss_contrast``; ``chance``, the loss of a network that cannot
            distinguish the keys, with the same factors; ``top1`` and ``key_spread``.
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
    """ccMIM's Eq. 7 as printed: the negatives are the visible patches of the other images.

    The positive pair is the visible and the masked patches of one image. Both are compared with the
    visible patches of the other images. The released code compares the visible patches with the
    masked patches of the other images instead (:class:`InfoNCEHead`). The loss is multiplied by
    2 tau, too, and the arguments are the same.

    Example:
        >>> same = torch.ones(4, 8)
        >>> VisibleNegativesHead(temperature=0.5)(same, same)['chance']  # 2 tau ln(2 x 4 - 1)
        tensor(1.9459)
    """

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch, as :meth:`InfoNCEHead.forward`.

        Args:
            query: (N, C), features of the visible patches. Gradients also flow through those of the
                other images, on all processes.
            key: (N, C), features of the masked patches; no gradient flows into them.
        """
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            visible = gather_with_gradient(query)  # (images, C), of all processes
            own = own_ids(query)
            from_visible = query @ visible.T / self.temperature  # (N, images)
            from_masked = key @ visible.T / self.temperature
            negatives = from_visible.scatter(1, own[:, None], -torch.inf)
            logits = torch.cat((from_masked, negatives), dim=1)
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

    With ``loss_weight=2`` this is BYOL's 2 - 2 cos.

    Args:
        loss_weight: factor of the loss.

    Example:
        >>> query, key = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> CosineHead()(query, key)['loss_contrast']  # the cosine is 3 / 5
        tensor(0.4000)
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, query: Tensor, key: Tensor) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch.

        Args:
            query: (N, C) predictions, or (N, n, C) with n predictions per image.
            key: (N, C) of the same images; no gradient flows into it.

        Returns:
            Float32 scalars: ``loss_contrast``; ``chance``, the loss of orthogonal features, with
            the same weight; and ``key_spread``, which falls to 0 when the features collapse.
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
    """InfoNCE between images, computed from the mean of their patch projections (ConMIM, Table 4).

    It replaces :class:`PatchContrastHead` in ConMIM. As there, the loss has no factor 2 tau.

    Args:
        temperature: tau.

    Raises:
        ValueError: ``temperature`` is not positive.

    Example:
        >>> features = torch.eye(2)[:, None].expand(2, 9, 2)  # two images of 9 patches
        >>> InstanceContrastHead(temperature=1.0)(features, features, None)['loss_contrast']
        tensor(0.3133)
    """

    compares_images: ClassVar[bool] = True  # the negatives are the other images of the batch

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def forward(self, query: Tensor, key: Tensor, mask: PatchMask | None) -> dict[str, Tensor]:
        """Compute loss and monitors, as :meth:`PatchContrastHead.forward`.

        Args:
            query: (N, L, C) student projections.
            key: (N, L, C) teacher projections, without gradient.
            mask: not used: the means are taken over all patches.
        """
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query.mean(dim=1)), l2_normalize(key.mean(dim=1))
            return in_batch_info_nce(query, key, self.temperature)
