"""A linear classifier on stored features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LinearProbe(nn.Module):
    """Multinomial logistic regression on standardised features.

    Args:
        features: (N, D), whose mean and deviation standardise all inputs, as MAE's BatchNorm
            without weight and bias does.
        classes: number of classes.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor, classes: int) -> None:
        super().__init__()
        self.register_buffer('mean', features.mean(dim=0))
        self.register_buffer('scale', features.std(dim=0, correction=0).clamp_min(1e-6))
        self.linear = nn.Linear(features.shape[1], classes, device=features.device)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(N, D) -> (N, classes) logits."""
        return self.linear((features - self.mean) / self.scale)


@torch.enable_grad()
def fit_linear_probe(
    features: Tensor,
    labels: Tensor,
    epochs: int = 30,
    batch_size: int = 1024,
    lr: float = 0.1,
    weight_decay: float = 0.0,
    seed: int = 0,
) -> LinearProbe:
    """Train a linear classifier on stored features by SGD with a cosine schedule.

    It is a monitor: the encoder is not touched, nothing is augmented, and a hundred thousand
    features take seconds. The papers' linear classification (LARS, augmented images, 90 epochs or
    more) is a training of its own, see the ``in1k-linear`` configs.

    Args:
        features: (N, D); no gradient flows into them.
        labels: (N,) int64.
        epochs: passes over the features.
        batch_size: rows of a step.
        lr: peak rate of SGD with Nesterov momentum 0.9.
        weight_decay: of the weight and the bias.
        seed: of the order of the rows.
    """
    features, labels = features.detach().float(), labels.to(features.device)
    probe = LinearProbe(features, int(labels.max()) + 1)
    optimizer = torch.optim.SGD(
        probe.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=weight_decay
    )
    batches = max(1, len(features) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(features), generator=generator).to(features.device)
        for rows in order.chunk(batches):
            loss = F.cross_entropy(probe(features[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return probe.eval()
