"""The work of a training step, which a change must not increase unseen."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from mcl_plugins.cli.benchmark.count import Operations, count_step

# Of two images, by the quickstart's configs: operations, megabytes saved, GFLOP. A change that
# lowers a number lowers it here; one that raises it says why in its message.
STEPS = {
    'ccmim': (1126, 0.6572, 0.09811),
    'cmae': (1452, 0.8948, 0.10207),
    'conmim': (1171, 1.1512, 0.14673),
    'masked_byol': (1860, 2.1843, 0.28897),
    'masked_moco': (2884, 2.5820, 0.33109),
    # Each window has an aligned bias of its own; PyTorch would make it in the call, on a GPU.
    'mimco': (1367, 1.9574, 0.14156),
}


@pytest.mark.parametrize('method', STEPS)
def test_a_step_does_not_grow(method):
    counts = count_step(f'quickstart/{method}.py', batch_size=2)
    operations, saved, gflop = STEPS[method]
    assert counts.operations.total() <= operations, counts.operations.most_common()
    assert counts.saved <= saved
    assert counts.gflop == pytest.approx(gflop, rel=1e-3)
    assert not counts.syncs


def test_another_librarys_method_is_refused():
    with pytest.raises(ValueError, match='MoCoV3, which is not a method of this package'):
        count_step('mocov3/vit-s.py', batch_size=2)


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
