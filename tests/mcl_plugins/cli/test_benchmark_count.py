"""The work of a training step, which a change must not increase unseen."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import scaled_dot_product_attention

from mcl_plugins.cli.benchmark.count import Operations, _Saved, count_step, flop_counter

# Of two images, by the quickstart's configs: operations, megabytes saved, GFLOP. A change that
# lowers a number lowers it here; one that raises it says why in its message.
STEPS = {
    'ccmim': (989, 0.6572, 0.10060),
    'cmae': (1297, 0.8948, 0.10490),
    'conmim': (1076, 1.1365, 0.14762),
    'masked_byol': (1622, 2.1843, 0.29289),
    'masked_moco': (2622, 2.5820, 0.33501),
    # Each window has an aligned bias of its own; PyTorch would make it in the call, on a GPU.
    'mimco': (1269, 1.5416, 0.14274),
}


@pytest.mark.parametrize('method', STEPS)
def test_a_step_does_not_grow(method):
    counts = count_step(f'quickstart/{method}.py', batch_size=2)
    operations, saved, gflop = STEPS[method]
    assert counts.operations.total() <= operations, counts.operations.most_common()
    assert counts.saved <= saved
    assert counts.gflop == pytest.approx(gflop, rel=1e-3)
    assert not counts.syncs


def test_a_step_with_accumulation_has_all_batches_and_one_step_of_the_optimizer():
    plain, accumulated = (
        count_step('quickstart/conmim.py', 2, {'optim_wrapper.accumulative_counts': number})
        for number in (1, 3)
    )
    assert (plain.images, accumulated.images) == (2, 6)
    assert accumulated.gflop == pytest.approx(3 * plain.gflop)
    assert accumulated.saved == pytest.approx(plain.saved)
    (adam,) = (name for name in plain.operations if 'adam' in name)
    assert accumulated.operations[adam] == plain.operations[adam]


def test_another_librarys_method_is_refused():
    with pytest.raises(ValueError, match='MoCoV3, which is not a method of this package'):
        count_step('mocov3/vit-s.py', 2, {'model.type': 'mmpretrain.MoCoV3'})


@pytest.mark.parametrize('fake', [False, True])
def test_attention_on_a_cpu_is_counted(fake):
    """Two products of (5, 8) and (8, 5) for each of 2 x 3 heads, and five in the backward pass."""
    with FakeTensorMode() if fake else nullcontext(), flop_counter() as counter:
        query = torch.zeros(2, 3, 5, 8, requires_grad=True)
        scaled_dot_product_attention(query, query, query).sum().backward()
    assert counter.get_total_flops() == (2 + 5) * 2 * 3 * 2 * 5 * 8 * 5


def test_what_is_counted():
    """A product of (7, 3) and (3, 5) and a square: two operations, forward."""
    with FakeTensorMode(), Operations() as operations:
        (torch.empty(7, 3) @ torch.empty(3, 5)).square()
    assert operations.counts.operations == {'empty': 2, 'mm': 1, 'pow': 1}


@pytest.mark.parametrize(
    'wait',
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).all()),
        lambda x: float(x.max()),
        lambda x: torch.equal(x, x + 1),
    ],
)
def test_a_wait_for_the_device_is_found(wait):
    with FakeTensorMode(), Operations() as operations:
        x = torch.empty(4, 4)
        wait(x)
    ((place, times),) = operations.counts.syncs.items()
    assert times == 1
    assert 'test_benchmark_count.py' in place


def test_a_number_of_the_host_is_no_wait():
    with FakeTensorMode(), Operations() as operations:
        torch.tensor(3.0).item()
    assert not operations.counts.syncs


def test_weights_that_get_another_storage_hide_no_activation():
    """Their old storages must not become those of activations, as in an EMA that replaces them."""
    model = nn.Linear(8, 8)
    saved = _Saved(model)
    for parameter in model.parameters():
        parameter.data = parameter.data + 1
    for _ in range(64):
        saved.keep(torch.empty(8, 8))
    assert saved.megabytes() == pytest.approx(64 * 8 * 8 * 4 / 1e6)
