"""The linear probe against scikit-learn, and what must not change it."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mcl_plugins.evaluation.linear import fit_linear_probe


def made(count, width=6, classes=4):
    """Features whose classes are linear in them up to noise, on unlike scales."""
    torch.manual_seed(2)
    rows = torch.randn(count, width)
    labels = (rows @ torch.randn(width, classes) + 0.3 * torch.randn(count, classes)).argmax(1)
    return rows * torch.logspace(-2, 2, width) + 5, labels


def test_it_finds_the_optimum_that_scikit_learn_finds():
    features, labels = made(600)
    probe = fit_linear_probe(
        features, labels, epochs=300, batch_size=600, lr=1.0, weight_decay=1e-2
    )
    standard = (features - features.mean(0)) / features.std(0, correction=0)
    # C is one over the sum's weight; scikit-learn leaves the bias out of the penalty.
    oracle = LogisticRegression(C=1 / (1e-2 * 600), max_iter=2000).fit(standard, labels)
    with torch.no_grad():
        found = probe(features).softmax(dim=1)
    wanted = torch.tensor(oracle.predict_proba(standard.numpy())).float()
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)
    torch.testing.assert_close(
        probe.linear.weight.detach(), torch.tensor(oracle.coef_).float(), atol=0.02, rtol=0
    )


def test_shifts_and_scales_of_the_features_do_not_matter():
    features, labels = made(300)
    plain = fit_linear_probe(features, labels, batch_size=64)
    other = fit_linear_probe(7 * features - 3, labels, batch_size=64)
    with torch.no_grad():
        torch.testing.assert_close(plain(features), other(7 * features - 3), atol=1e-3, rtol=1e-3)


def test_a_constant_feature_and_few_rows_are_no_trouble():
    features, labels = made(20)
    features[:, 0] = 1.0
    probe = fit_linear_probe(features, labels, batch_size=1024)
    with torch.no_grad():
        assert probe(features).isfinite().all()
        assert (probe(features).argmax(dim=1) == labels).float().mean() > 0.6


def test_no_gradient_reaches_the_features():
    features, labels = made(50)
    features.requires_grad_()
    fit_linear_probe(features, labels, epochs=1)
    assert features.grad is None


@pytest.mark.parametrize('seed', [0, 1])
def test_a_seed_gives_the_same_classifier(seed):
    features, labels = made(100)
    first, second = (fit_linear_probe(features, labels, batch_size=16, seed=seed) for _ in '12')
    assert torch.equal(first.linear.weight, second.linear.weight)
