"""Contrast against a queue of keys: the losses, and one level of MimCo with its projectors."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask
from ..registry import MODELS, build_part
from ..targets import FeatureQueue
from ..utils.checks import check_temperature
from ..utils.similarity import feature_spread, l2_normalize


@MODELS.register_module()
class QueueInfoNCEHead(nn.Module):
    """InfoNCE of each query against its key and the keys of a queue (MimCo, Eq. 1 and 3; MoBY).

    The positive is the first of 1 + K logits; MoBY's and MimCo's losses have no factor 2 tau.

    Args:
        temperature: tau.
    """

    uses_queue: ClassVar[bool] = True

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def forward(self, query: Tensor, key: Tensor, negatives: Tensor) -> dict[str, Tensor]:
        """Loss and monitors of a batch.

        Args:
            query: (Q, C).
            key: (Q, C), the positives; no gradient flows into them.
            negatives: (C, K) L2-normalised columns.

        Raises:
            ValueError: keys and predictions of different widths.

        Returns:
            ``loss_contrast``; ``top1``; ``chance``, ln(1 + K); ``key_spread``, of this process's
            keys; float32 scalars.
        """
        if len(negatives) != query.shape[-1]:
            raise ValueError(
                f'The queue holds keys of dim={len(negatives)}, and the predictions are '
                f'{query.shape[-1]} wide: set queue.dim to that.'
            )
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query) / self.temperature, l2_normalize(key.detach())
            positive = (query * key).sum(dim=-1)  # (Q,)
            negative = query @ negatives.to(query.dtype)  # (Q, K), as large as the encoder's maps
            # Cross-entropy of [positive, negative], which are never copied side by side.
            loss = torch.logaddexp(positive, negative.logsumexp(dim=1)) - positive
            # By more than rounding: a collapsed network, to which all keys are equal, has no hits.
            wins = positive.detach() > negative.detach().amax(dim=1) + 1e-4
            return {
                'loss_contrast': loss.mean(),
                'top1': wins.float().mean(),
                'chance': positive.new_full((), math.log(1 + negatives.shape[1])),
                'key_spread': feature_spread(key),
            }


@MODELS.register_module()
class L1Head(nn.Module):
    """Distance between unit vectors, sum of absolute differences, no negatives (MimCo, Table 7).

    The paper gives no formula; that the vectors are those of the contrastive loss is our reading.
    """

    uses_queue: ClassVar[bool] = False

    def forward(self, query: Tensor, key: Tensor, negatives: None = None) -> dict[str, Tensor]:
        """As :meth:`QueueInfoNCEHead.forward`, without ``top1`` and ``chance``."""
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            distance = (query - key).abs().sum(dim=-1).mean()
            return {'loss_contrast': distance, 'key_spread': feature_spread(key)}


@MODELS.register_module()
class QueueContrast(nn.Module):
    """Draw a student's features to a teacher's, at one level of MimCo (Eq. 1 or 3).

    The student's go through a projector and a predictor, the teacher's through the EMA of the
    projector, in train mode, which the algorithm keeps and hands in. Heads of 2-layer 1x1
    convolutions (the patch level) are linear layers over rows of positions, which are the same
    function.

    Args:
        projector: from (rows, D) to (rows, C).
        predictor: from (rows, C) to (rows, C).
        head: compares predictions and keys.
        queue: ``dim`` and ``length`` of the queue; None for a head without one.

    Raises:
        ValueError: the head needs a queue and has none, or the other way round.
    """

    def __init__(
        self, projector: dict, predictor: dict, head: dict, queue: dict | None = None
    ) -> None:
        super().__init__()
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.head = build_part(head)
        if self.head.uses_queue != (queue is not None):
            raise ValueError(
                f'{type(self.head).__name__} {"needs a" if queue is None else "has no use for a"} '
                f'queue, got queue={queue}.'
            )
        self.queue = FeatureQueue(**queue) if queue else None

    def init_weights(self) -> None:
        """Initialise projector and predictor; called by MMEngine."""
        self.projector.init_weights()
        self.predictor.init_weights()

    def forward(
        self,
        student: Tensor,
        teacher: Tensor,
        ema_projector: nn.Module,
        mask: PatchMask | None = None,
    ) -> dict[str, Tensor]:
        """Loss and monitors of a batch, whose keys then enter the queue.

        BatchNorm runs over all L positions of all images, also where only some are compared. One
        key of each image is queued: the mean over its L positions.

        Args:
            student: (N, L, D) features.
            teacher: (N, L, D) features of the same positions, no gradient.
            ema_projector: the EMA of :attr:`projector`, for the teacher's features.
            mask: the hidden positions are compared; None compares all.

        Returns:
            What the head returns.
        """
        query = apply_to_rows(student, self.projector, self.predictor)  # (N, L, C)
        with torch.no_grad():
            key = apply_to_rows(teacher, ema_projector)  # (N, L, C)
            image_key = l2_normalize(
                key.to(torch.promote_types(key.dtype, torch.float32)).mean(dim=1)
            )
        positives = key
        if mask is not None:
            ids = mask.ids_mask[..., None]
            query, positives = query.take_along_dim(ids, dim=1), key.take_along_dim(ids, dim=1)
        negatives = None if self.queue is None else self.queue.keys
        result = self.head(query.flatten(0, 1), positives.flatten(0, 1), negatives)
        if self.queue is not None:
            self.queue.enqueue(image_key)
        return result


def apply_to_rows(features: Tensor, *necks: nn.Module) -> Tensor:
    """(N, L, D) -> (N, L, C): apply necks, one after the other, to all N L rows at once."""
    rows = features.flatten(0, 1)
    for neck in necks:
        (rows,) = neck((rows,))
    return rows.unflatten(0, features.shape[:2])
