"""Losses against a queue of keys, and one level of MimCo with its projector and predictor."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..mask_generators import PatchMask, gather_patches
from ..registry import MODELS, build_part
from ..targets import FeatureQueue
from ..utils.checks import check_temperature
from ..utils.similarity import feature_spread, l2_normalize


@MODELS.register_module()
class QueueInfoNCEHead(nn.Module):
    """InfoNCE of each query against its key and the keys of a queue (MimCo, Eq. 1 and 3; MoBY).

    A query has 1 + K logits: the positive key and the K keys of the queue, which are negatives. As
    in MoBY and MimCo, the loss has no factor 2 tau.

    Args:
        temperature: tau.

    Raises:
        ValueError: ``temperature`` is not positive.

    Example:
        >>> axes = torch.eye(4)  # the query equals its key and is orthogonal to the queue
        >>> result = QueueInfoNCEHead(temperature=1.0)(axes[:1], axes[:1], negatives=axes[:, 1:])
        >>> result['loss_contrast'], result['chance']  # ln(e + 3) - 1 and ln 4
        (tensor(0.7437), tensor(1.3863))
    """

    uses_queue: ClassVar[bool] = True

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature)

    def forward(self, query: Tensor, key: Tensor, negatives: Tensor) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch.

        Args:
            query: (Q, C).
            key: (Q, C), the positive keys; no gradient flows into them.
            negatives: (C, K), the keys of the queue as L2-normalised columns.

        Returns:
            Float32 scalars: ``loss_contrast``; ``top1``; ``chance``, ln(1 + K); and ``key_spread``
            of the keys of this process.

        Raises:
            ValueError: queries and queue have different dimensions.
        """
        if len(negatives) != query.shape[-1]:
            raise ValueError(
                f'The queue has keys of dim={len(negatives)}, but the predictions have '
                f'{query.shape[-1]} channels: set queue.dim={query.shape[-1]}.'
            )
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query) / self.temperature, l2_normalize(key.detach())
            positive = (query * key).sum(dim=-1)  # (Q,)
            negative = query @ negatives.to(query.dtype)  # (Q, K)
            # Cross-entropy of [positive, negative] without concatenating them: (Q, 1 + K) takes as
            # much memory as a feature map of the encoder.
            loss = torch.logaddexp(positive, negative.logsumexp(dim=1)) - positive
            # The margin is larger than rounding errors, so that a collapsed network has top1 = 0.
            wins = positive.detach() > negative.detach().amax(dim=1) + 1e-4
            return {
                'loss_contrast': loss.mean(),
                'top1': wins.float().mean(),
                'chance': positive.new_full((), math.log(1 + negatives.shape[1])),
                'key_spread': feature_spread(key),
            }


@MODELS.register_module()
class L1Head(nn.Module):
    """L1 distance between L2-normalised query and key, without negatives (MimCo, Table 7).

    The paper gives no formula. That query and key are those of the contrastive loss is an
    assumption.

    Example:
        >>> axes = torch.eye(2)
        >>> L1Head()(axes[:1], axes[1:])['loss_contrast']  # |1 - 0| + |0 - 1|
        tensor(2.)
    """

    uses_queue: ClassVar[bool] = False

    def forward(self, query: Tensor, key: Tensor, negatives: None = None) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch.

        Args:
            query: (Q, C).
            key: (Q, C); no gradient flows into it.
            negatives: not used.

        Returns:
            Float32 scalars ``loss_contrast`` and ``key_spread``.
        """
        with torch.autocast(query.device.type, enabled=False):
            query, key = l2_normalize(query), l2_normalize(key.detach())
            distance = (query - key).abs().sum(dim=-1).mean()
            return {'loss_contrast': distance, 'key_spread': feature_spread(key)}


@MODELS.register_module()
class FeatureL1Head(nn.Module):
    """Mean absolute difference between a prediction and a frozen feature (MimCo, Table 7).

    This is the other reading of the paper's l1 distance: the student regresses the teacher's
    features themselves, neither projected nor normalised.

    Example:
        >>> axes = torch.eye(2)
        >>> FeatureL1Head()(2 * axes[:1], axes[1:])['loss_contrast']  # (|2 - 0| + |0 - 1|) / 2
        tensor(1.5000)
    """

    uses_queue: ClassVar[bool] = False

    def forward(self, query: Tensor, key: Tensor, negatives: None = None) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch.

        Args:
            query: (Q, C).
            key: (Q, C); no gradient flows into it.
            negatives: not used.

        Returns:
            Float32 scalars ``loss_contrast`` and ``key_spread``.
        """
        with torch.autocast(query.device.type, enabled=False):
            dtype = torch.promote_types(query.dtype, torch.float32)
            query, key = query.to(dtype), key.detach().to(dtype)
            distance = (query - key).abs().mean()
            return {'loss_contrast': distance, 'key_spread': feature_spread(l2_normalize(key))}


@MODELS.register_module()
class QueueContrast(nn.Module):
    """Contrastive loss between student and teacher features at one level of MimCo (Eq. 1 or 3).

    Projector and predictor are applied to the student's features, and the EMA of the projector to
    the teacher's. The algorithm owns that EMA, in train mode, and passes it to :meth:`forward`. The
    paper's heads at the patch level are two 1x1 convolutions. Here they are linear layers applied
    to each position, which is the same function.

    Args:
        projector: from (rows, D) to (rows, C); with None the teacher's features themselves are the
            keys, and the predictor gets the student's features, (rows, D) to (rows, D).
        predictor: from (rows, C) to (rows, C).
        head: loss between predictions and keys.
        queue: ``dim`` and ``length`` of the queue; None for a head that uses no queue.

    Raises:
        ValueError: the head needs a queue and ``queue`` is None, or it uses none and ``queue`` is
            given.

    Example:
        >>> mlp = dict(type='mmpretrain.NonLinearNeck', in_channels=8, hid_channels=8,
        ...            out_channels=8, with_avg_pool=False)
        >>> queue = dict(dim=8, length=4)
        >>> level = QueueContrast(mlp, mlp, dict(type='mcl_plugins.QueueInfoNCEHead'), queue)
        >>> features = torch.rand(2, 9, 8)  # 2 images of 9 positions
        >>> result = level(features, features, ema_projector=level.projector)
        >>> result['chance'], level.queue.pointer.item()  # ln(1 + 4), 2 new keys
        (tensor(1.6094), 2)
    """

    def __init__(
        self, projector: dict | None, predictor: dict, head: dict, queue: dict | None = None
    ) -> None:
        super().__init__()
        self.projector = build_part(projector)
        self.predictor = build_part(predictor)
        self.head = build_part(head)
        if self.head.uses_queue != (queue is not None):
            raise ValueError(
                f'{type(self.head).__name__} {"needs" if queue is None else "does not use"} a '
                f'queue, but got queue={queue}: '
                f'{"give its dim and length" if queue is None else "set queue=None"}.'
            )
        self.queue = FeatureQueue(**queue) if queue else None

    def init_weights(self) -> None:
        """Initialise projector and predictor; MMEngine calls this."""
        for neck in (self.projector, self.predictor):
            if neck is not None:
                neck.init_weights()

    def forward(
        self,
        student: Tensor,
        teacher: Tensor,
        ema_projector: nn.Module | None,
        mask: PatchMask | None = None,
    ) -> dict[str, Tensor]:
        """Compute loss and monitors of a batch; in train mode, then add its keys to the queue.

        BatchNorm uses all L positions of all images, even if only the masked ones are compared.
        Each image adds one key to the queue: the mean over its L positions, L2-normalised.

        Args:
            student: (N, L, D) features.
            teacher: (N, L, D) features of the same positions, without gradient.
            ema_projector: the EMA of :attr:`projector`, which is applied to the teacher's features;
                None without a projector.
            mask: the masked positions are compared; with None all positions are.

        Returns:
            The dict of the head.

        Raises:
            ValueError: predictions and keys have different widths.
        """
        query = apply_to_rows(student, self.projector, self.predictor)  # (N, L, C)
        with torch.no_grad():
            key = apply_to_rows(teacher, ema_projector)  # (N, L, C)
        if query.shape != key.shape:
            raise ValueError(
                f'The predictions have {query.shape[-1]} channels, but the keys {key.shape[-1]}: '
                f'set predictor.out_channels={key.shape[-1]}.'
            )
        with torch.no_grad():
            image_key = l2_normalize(
                key.to(torch.promote_types(key.dtype, torch.float32)).mean(dim=1)
            )
        positives = key
        if mask is not None:
            query, positives = (gather_patches(rows, mask.ids_mask) for rows in (query, key))
        negatives = None if self.queue is None else self.queue.keys
        result = self.head(query.flatten(0, 1), positives.flatten(0, 1), negatives)
        if self.queue is not None and self.training:
            self.queue.enqueue(image_key)
        return result


def apply_to_rows(features: Tensor, *necks: nn.Module | None) -> Tensor:
    """Apply necks, one after the other, to the vector at each position.

    Args:
        features: (N, L, D); the necks get the N L vectors as one batch.
        *necks: from (rows, D) to (rows, C); None is left out.

    Returns:
        (N, L, C).

    Example:
        >>> class Double(nn.Module):
        ...     def forward(self, inputs):
        ...         return (2 * inputs[0],)
        >>> apply_to_rows(torch.ones(1, 2, 1), Double(), Double()).tolist()
        [[[4.0], [4.0]]]
    """
    rows = features.flatten(0, 1)
    for neck in necks:
        if neck is not None:
            (rows,) = neck((rows,))
    return rows.unflatten(0, features.shape[:2])
