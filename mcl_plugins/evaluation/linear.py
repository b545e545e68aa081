"""A linear classifier on stored features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LinearProbe(nn.Module):
    """Multinomial logistic regression on standardised features.

    Args:
        features: (N, D). All inputs are standardised with their mean and standard deviation, which
            is what the BatchNorm without weight and bias in MAE's linear probe does.
        classes: number of classes.

    Example:
        >>> probe = LinearProbe(torch.rand(10, 8), classes=3)  # weight and bias start at 0
        >>> probe(torch.rand(1, 8)).tolist()
        [[0.0, 0.0, 0.0]]
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
        """Compute the logits (N, classes) of features (N, D)."""
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

    This is a quick monitor of the features: the encoder is not run, images are not augmented, and
    100 000 features take seconds. For the papers' linear classification (LARS, augmented images, 90
    or more epochs) see the ``in1k-linear`` configs.

    Args:
        features: (N, D); no gradient flows into them.
        labels: (N,) int64.
        epochs: number of passes over the features.
        batch_size: number of features in a step.
        lr: initial learning rate of SGD with Nesterov momentum 0.9; it falls to 0.
        weight_decay: weight decay of weight and bias.
        seed: seed of the order of the features.

    Returns:
        The trained classifier, in evaluation mode.

    Example:
        >>> features, labels = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
        >>> fit_linear_probe(features, labels)(features).argmax(dim=1)
        tensor([0, 1])
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
