"""Mean recall, and what chance makes of it, against all permutations of the labels."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from mcl_plugins.evaluation.recall import mean_recall


@pytest.mark.filterwarnings('ignore:y_pred contains classes not in y_true')
@pytest.mark.parametrize('seed', range(4))
def test_it_is_that_of_all_ways_to_deal_out_the_labels(seed):
    """Classes that only the predictions or only the labels have are among them."""
    noise = torch.Generator().manual_seed(seed)
    predicted, labels = (torch.randint(0, 5, (6,), generator=noise) for _ in range(2))
    found = mean_recall(predicted, labels)
    assert found.mean == pytest.approx(balanced_accuracy_score(labels, predicted))
    every = [
        balanced_accuracy_score(labels[list(order)], predicted) for order in permutations(range(6))
    ]
    assert found.chance == pytest.approx(np.mean(every))
    assert found.deviation == pytest.approx(np.std(every))


def test_perfect_predictions_of_unequal_classes():
    labels = torch.tensor([0] * 95 + [1] * 5)
    found = mean_recall(labels, labels)
    assert (found.mean, found.chance) == (1.0, pytest.approx(0.5))
    assert found.above == pytest.approx(99**0.5)  # sqrt(N - 1), the largest for two classes


@pytest.mark.parametrize(('predicted', 'labels'), [([0, 1], [0]), ([0], [0]), ([], [])])
def test_what_cannot_be_compared_is_an_error(predicted, labels):
    with pytest.raises(ValueError, match='equally many, and at least 2'):
        mean_recall(torch.tensor(predicted), torch.tensor(labels))
