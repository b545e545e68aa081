"""Losses between images against plain loops, closed forms, and two processes."""

import math

import pytest
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.heads import CosineHead, InfoNCEHead, VisibleNegativesHead
from processes import run_on_two_processes


def features(count=6, channels=5):
    return [torch.randn(count, channels).double().requires_grad_() for _ in range(2)]


def cosine(a, b):
    return (a @ b / a.norm() / b.norm()).item()


def plain_info_nce(query, key, tau):
    losses = []
    for i, q in enumerate(query):
        scores = [math.exp(cosine(q, k) / tau) for k in key]
        losses.append(-math.log(scores[i] / sum(scores)))
    return sum(losses) / len(losses)


def plain_eq_7(visible, hidden, tau):
    losses = []
    for i, (v, h) in enumerate(zip(visible, hidden, strict=True)):
        positive = math.exp(cosine(v, h) / tau)
        others = [
            math.exp(cosine(v, other) / tau) + math.exp(cosine(h, other) / tau)
            for j, other in enumerate(visible)
            if j != i
        ]
        losses.append(-math.log(positive / (positive + sum(others))))
    return sum(losses) / len(losses)


@pytest.mark.parametrize('tau', [0.07, 0.5])
def test_info_nce_against_a_plain_loop(tau):
    query, key = features()
    result = InfoNCEHead(tau, loss_weight=0.3)(query, key)
    wanted = 0.3 * 2 * tau * plain_info_nce(query, key, tau)
    assert result['loss_contrast'].item() == pytest.approx(wanted, rel=1e-6)
    hits = [max(range(6), key=lambda j, q=q: cosine(q, key[j])) == i for i, q in enumerate(query)]
    assert result['top1'].item() == pytest.approx(sum(hits) / 6)
    assert result['chance'].item() == pytest.approx(0.3 * 2 * tau * math.log(6))


@pytest.mark.parametrize('head', [InfoNCEHead(0.2), CosineHead(2.0)])
def test_several_queries_of_an_image_share_its_key(head):
    """The mean over the n losses that each query would have by itself."""
    queries, key = torch.randn(6, 3, 5).double(), torch.randn(6, 5).double()
    together = head(queries, key)
    single = [head(queries[:, place], key) for place in range(3)]
    for name, value in together.items():
        expected = sum(result[name] for result in single) / 3
        torch.testing.assert_close(value, expected, check_dtype=False)


def test_queries_without_a_key_are_an_error():
    with pytest.raises(ValueError, match='Queries of 8 images and keys of 4'):
        InfoNCEHead(0.2)(torch.randn(8, 5), torch.randn(4, 5))


def test_negatives_of_eq_7_against_a_plain_loop():
    visible, hidden = features()
    result = VisibleNegativesHead(0.5, loss_weight=0.2)(visible, hidden)
    assert result['loss_contrast'].item() == pytest.approx(
        0.2 * plain_eq_7(visible, hidden, 0.5), rel=1e-6
    )


def test_equal_features_lose_at_chance():
    same = torch.ones(6, 5)
    for head in (InfoNCEHead(0.1), VisibleNegativesHead(0.1), CosineHead()):
        result = head(same, same)
        if isinstance(head, CosineHead):
            assert result['loss_contrast'].item() == pytest.approx(0, abs=1e-6)
        else:
            assert result['loss_contrast'].item() == pytest.approx(result['chance'].item())
        assert result['key_spread'].item() == pytest.approx(0, abs=1e-6)


def test_cosine_is_a_byol_loss_at_weight_two():
    query, key = features()
    result = CosineHead(loss_weight=2.0)(query, key)
    plain = sum(2 - 2 * cosine(q, k) for q, k in zip(query, key, strict=True)) / 6
    assert result['loss_contrast'].item() == pytest.approx(plain, rel=1e-6)
    assert CosineHead()(query, -query)['loss_contrast'].item() == pytest.approx(2)


@pytest.mark.parametrize('head', [InfoNCEHead(0.1), VisibleNegativesHead(0.1), CosineHead()])
def test_keys_get_no_gradient_and_lengths_do_not_matter(head):
    query, key = features()
    loss = head(query, key)['loss_contrast']
    loss.backward()
    assert key.grad is None and query.grad.abs().sum() > 0
    scaled = head(query * 3, key * 0.2)['loss_contrast']
    torch.testing.assert_close(scaled, loss)


@pytest.mark.parametrize('head', [InfoNCEHead(0.1), VisibleNegativesHead(0.1), CosineHead()])
def test_computes_in_float32_under_autocast(head):
    query, key = torch.randn(2, 6, 32)
    exact = head(query, key)['loss_contrast']
    with torch.autocast('cpu', torch.bfloat16):
        result = head(query, key)
    torch.testing.assert_close(result['loss_contrast'], exact)
    assert all(value.dtype == torch.float32 for value in result.values())


def test_a_temperature_of_zero_is_an_error():
    with pytest.raises(ValueError, match='temperature=0'):
        MODELS.build(dict(type='mcl_plugins.InfoNCEHead', temperature=0))


def _half(rank, head, query, key, loss, gradient):
    half = slice(rank * 3, rank * 3 + 3)
    own = query[half].clone().requires_grad_()
    ours = head(own, key[half])['loss_contrast']
    (ours / 2).backward()  # DDP averages over processes
    ours = ours.detach()
    torch.distributed.all_reduce(ours)
    torch.testing.assert_close(ours / 2, loss)
    torch.testing.assert_close(own.grad, gradient[half])


@pytest.mark.parametrize('head', [InfoNCEHead(0.1), VisibleNegativesHead(0.1), CosineHead()])
def test_two_processes_equal_one(head):
    query, key = features()
    loss = head(query, key)['loss_contrast']
    loss.backward()
    run_on_two_processes(_half, head, query.detach(), key.detach(), loss.detach(), query.grad)
