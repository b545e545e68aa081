"""Mean recall of the classes, and whether predictions say more about labels than chance."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Recall(NamedTuple):
    """How well predicted classes agree with labels, whatever the sizes of the classes are.

    Attributes:
        mean: share of the images of a class that are recognised, as the mean over the classes that
            have images, in [0, 1]; it is also called balanced accuracy.
        chance: its expectation for the same predictions if the labels were dealt out to the images
            at random.
        deviation: standard deviation of the mean recall, dealt out so.
    """

    mean: float
    chance: float
    deviation: float

    @property
    def above(self) -> float:
        """Standard deviations by which the mean recall is above chance; 0 if nothing can differ."""
        return (self.mean - self.chance) / self.deviation if self.deviation else 0.0


def mean_recall(predicted: Tensor, labels: Tensor) -> Recall:
    """Compare predicted classes with labels.

    Expectation and deviation are exact, over all permutations of the labels (Hoeffding, A
    Combinatorial Central Limit Theorem, Ann. Math. Statist. 22, 1951, Theorem 2).

    Args:
        predicted: (N,) classes, int64, from 0; N is at least 2.
        labels: (N,) classes, int64, from 0.

    Raises:
        ValueError: the numbers of predictions and labels differ, or are below 2.

    Example:
        >>> import torch
        >>> labels = torch.tensor([0] * 90 + [1] * 10)
        >>> mean_recall(torch.zeros(100, dtype=torch.long), labels)
        Recall(mean=0.5, chance=0.5, deviation=0.0)
    """
    count = len(labels)
    if predicted.shape != labels.shape or count < 2:
        raise ValueError(
            f'{tuple(predicted.shape)} predictions and {tuple(labels.shape)} labels: there must be '
            'equally many, and at least 2.'
        )
    classes = 1 + int(max(predicted.max(), labels.max()))
    foretold, images, right = (
        part.bincount(minlength=classes).double()
        for part in (predicted, labels, labels[predicted == labels])
    )
    present = images > 0
    foretold, images, right = foretold[present], images[present], right[present]
    weight = 1 / (len(images) * images)  # of an image that is recognised
    expected = (foretold * images * weight).sum() / count
    # The sum over all pairs of a prediction and a label of the squared weights, centred twice.
    squares = (
        (foretold * images * weight**2).sum()
        - (foretold * (images * weight) ** 2).sum() / count
        - (images * (foretold * weight) ** 2).sum() / count
        + expected**2
    )
    deviation = (squares.clamp(min=0) / (count - 1)).sqrt()
    return Recall((right * weight).sum().item(), expected.item(), deviation.item())
