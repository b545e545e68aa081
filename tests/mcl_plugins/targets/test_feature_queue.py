"""The key queue against a plain list, around its end, and the same on two processes."""

from collections import deque

import pytest
import torch
from torch import distributed as dist
from torch.nn import functional as F

from mcl_plugins.targets.feature_queue import FeatureQueue
from processes import run_on_two_processes


def unit_rows(count, dim=3):
    return F.normalize(torch.randn(count, dim), dim=1)


def test_it_starts_as_unit_vectors_that_differ():
    keys = FeatureQueue(dim=16, length=50).keys
    torch.testing.assert_close(keys.norm(dim=0), torch.ones(50))
    similarity = keys.T @ keys - torch.eye(50)
    assert similarity.abs().max() < 0.95 and similarity.mean().abs() < 0.1


def test_it_keeps_the_newest_in_order_whatever_the_batches():
    """A batch of 3 in a queue of 7 wraps around at another place each time."""
    queue = FeatureQueue(dim=3, length=7)
    newest = deque(queue.keys.T.unbind(), maxlen=7)
    for size in (3, 3, 3, 1, 7, 5, 3, 2):
        batch = unit_rows(size)
        queue.enqueue(batch)
        newest.extend(batch.unbind())
        oldest_first = queue.keys.roll(-int(queue.pointer), dims=1).T
        assert torch.equal(oldest_first, torch.stack(list(newest)))


def test_a_loss_that_read_the_old_keys_still_has_its_gradient():
    queue = FeatureQueue(dim=3, length=4)
    before = queue.keys.clone()
    query = torch.randn(2, 3, requires_grad=True)
    similarity = query @ queue.keys
    queue.enqueue(unit_rows(2))
    similarity.sum().backward()
    torch.testing.assert_close(query.grad, before.sum(dim=1).expand(2, -1))


def test_it_is_in_checkpoints_and_moves_with_the_model():
    queue = FeatureQueue(dim=3, length=4)
    queue.enqueue(unit_rows(3))
    other = FeatureQueue(dim=3, length=4)
    other.load_state_dict(queue.state_dict())
    batch = unit_rows(2)
    queue.enqueue(batch)
    other.enqueue(batch)
    assert torch.equal(queue.keys, other.keys) and int(other.pointer) == 1
    assert queue.double().keys.dtype == torch.float64


def test_more_keys_than_places_are_refused():
    with pytest.raises(ValueError, match='batch of 5 images on all processes .* length=4'):
        FeatureQueue(dim=3, length=4).enqueue(unit_rows(5))


@pytest.mark.parametrize('sizes', [dict(dim=3, length=0), dict(dim=0, length=3)])
def test_an_empty_queue_is_refused(sizes):
    with pytest.raises(ValueError, match='holds nothing'):
        FeatureQueue(**sizes)


def _same_contents(rank, batches, expected):
    torch.manual_seed(rank)  # as in training: each process draws its own numbers
    queue = FeatureQueue(dim=3, length=10)
    for batch in batches:
        queue.enqueue(batch[rank * 2 : rank * 2 + 2])
    assert torch.equal(queue.keys, expected)
    others = [torch.empty_like(queue.keys) for _ in range(2)]
    dist.all_gather(others, queue.keys)
    assert torch.equal(others[0], others[1])


def test_two_processes_hold_what_one_holds():
    batches = [unit_rows(4) for _ in range(4)]
    queue = FeatureQueue(dim=3, length=10)
    for batch in batches:
        queue.enqueue(batch)
    run_on_two_processes(_same_contents, batches, queue.keys)
