"""k-NN against scikit-learn and by hand, in blocks of any size."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from mcl_plugins.evaluation import knn
from mcl_plugins.evaluation.knn import knn_predict, nearest
from processes import run_on_two_processes


def clusters(count, classes=5, width=8, noise=0.8):
    labels = torch.arange(count) % classes
    torch.manual_seed(1)
    centres = torch.randn(classes, width)
    return centres[labels] + noise * torch.randn(count, width), labels


@pytest.mark.parametrize('block', [7, 100, 1000])
def test_nearest_is_a_full_sort(block):
    queries, bank = torch.randn(13, 6), torch.randn(100, 6)
    cosines, rows = nearest(queries, bank, 9, block)
    similarity = torch.nn.functional.cosine_similarity(queries[:, None], bank[None], dim=2)
    wanted, order = similarity.sort(dim=1, descending=True)
    assert torch.equal(rows, order[:, :9])
    torch.testing.assert_close(cosines, wanted[:, :9])


@pytest.mark.parametrize('k', [1, 10, 20])
def test_predictions_are_scikit_learns(k):
    (bank, labels), (queries, _) = clusters(200), clusters(60)
    tau = 0.07

    def weights(distances):  # cosine distances of unit vectors
        return np.exp((1 - distances) / tau)

    oracle = KNeighborsClassifier(k, metric='cosine', weights=weights)
    wanted = oracle.fit(bank.numpy(), labels.numpy()).predict(queries.numpy())
    found = knn_predict(queries, bank, labels, (k, 30), tau, query_block=17)
    assert found.keys() == {k, 30}
    assert np.array_equal(found[k].numpy(), wanted)


def classify(rank, wanted):
    """Classify together, and count the queries that this process searches the neighbours of."""
    searched = []

    def count(queries, *others):
        searched.append(len(queries))
        return nearest(queries, *others)

    knn.nearest = count
    (bank, labels), (queries, _) = clusters(300), clusters(70)
    found = knn_predict(queries, bank, labels, (1, 20), query_block=16)
    assert all(torch.equal(found[k], wanted[k]) for k in wanted)
    assert searched == [[16, 16, 6], [16, 16]][rank]


def test_two_processes_share_the_queries():
    (bank, labels), (queries, _) = clusters(300), clusters(70)
    run_on_two_processes(classify, knn_predict(queries, bank, labels, (1, 20), query_block=16))


def test_a_near_image_outvotes_two_far_ones():
    """exp(1 / tau) against 2 exp(c / tau): the temperature decides."""
    bank = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.8, -0.6]])
    labels, query = torch.tensor([0, 1, 1]), torch.tensor([[3.0, 0.0]])
    border = 0.2 / math.log(2)
    for tau, winner in ((border * 0.9, 0), (border * 1.1, 1)):
        assert knn_predict(query, bank, labels, (3,), tau)[3].tolist() == [winner]


def test_more_neighbours_than_images_are_an_error():
    with pytest.raises(ValueError, match='k=4 neighbours out of 3 images'):
        knn_predict(torch.ones(1, 2), torch.ones(3, 2), torch.zeros(3).long(), (2, 4))


def test_a_low_temperature_leaves_the_nearest_alone():
    """exp(1 / tau) overflows float32 from tau = 0.011 on; the vote of the nearest must win."""
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(60, 8, generator=generator)
    labels = torch.arange(60) % 5
    queries = bank + 0.3 * torch.randn(60, 8, generator=generator)
    found = knn_predict(queries, bank, labels, (1, 20), temperature=1e-4)
    assert torch.equal(found[20], found[1])


@pytest.mark.parametrize('k', [0, -5, 61])
def test_every_k_must_be_there(k):
    bank = torch.randn(60, 8)
    with pytest.raises(ValueError, match=f'k={k} neighbours out of 60 images'):
        knn_predict(bank, bank, torch.zeros(60, dtype=torch.long), (k, 20))
