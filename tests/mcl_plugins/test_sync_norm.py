"""Batch norm over processes on CPUs: two processes equal one."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from conftest import run_on_two_processes
from mcl_plugins.sync_norm import SyncBN


def compare(norm, plain, rows, weights):
    """Outputs, gradients and running statistics of two norms on the same rows."""
    results = []
    for module in (norm, plain):
        inputs = rows.clone().requires_grad_()
        outputs = module(inputs)
        (outputs * weights).sum().backward()
        gradients = [p.grad for p in module.parameters()]
        results.append([outputs, inputs.grad, *gradients, *module.buffers()])
    for ours, wanted in zip(*results, strict=True):
        torch.testing.assert_close(ours, wanted)


@pytest.mark.parametrize('shape', [(6, 4), (3, 4, 5), (2, 4, 3, 3)])
def test_one_process_equals_batch_norm(shape):
    rows, weights = torch.randn(2, *shape).double()
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    norm, plain = SyncBN(4, eps=1e-6).double(), kinds[len(shape)](4, eps=1e-6).double()
    for _ in range(2):  # the second time from running statistics that have moved
        norm.zero_grad()
        plain.zero_grad()
        compare(norm, plain, rows, weights)
    norm.eval()
    plain.eval()
    torch.testing.assert_close(norm(rows), plain(rows))


def test_without_affine_and_running_statistics():
    rows = torch.randn(6, 4)
    options = dict(affine=False, track_running_stats=False)
    torch.testing.assert_close(SyncBN(4, **options)(rows), nn.BatchNorm1d(4, **options)(rows))


def test_average_over_all_batches():
    norm, plain = SyncBN(4, momentum=None), nn.BatchNorm1d(4, momentum=None)
    for _ in range(3):
        rows = torch.randn(6, 4)
        norm(rows)
        plain(rows)
    torch.testing.assert_close(norm.running_var, plain.running_var)


def test_a_batch_without_rows_leaves_the_statistics_alone():
    """A mask head sees one when no proposal of a batch meets an object."""
    for momentum in (0.1, None):
        norm = SyncBN(4, momentum=momentum)
        norm(torch.randn(6, 4, 2, 2))
        before = [buffer.clone() for buffer in norm.buffers()]
        inputs = torch.zeros(0, 4, 2, 2, requires_grad=True)
        outputs = norm(inputs)
        outputs.sum().backward()
        assert outputs.shape == inputs.shape and inputs.grad.shape == inputs.shape
        assert all(torch.equal(*pair) for pair in zip(norm.buffers(), before, strict=True))
        assert all(torch.isfinite(parameter.grad).all() for parameter in norm.parameters())


def _some_have_none(rank, rows, mean, variance):
    norm = SyncBN(4).double()
    norm(rows if rank else rows[:0])
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)


def test_a_process_without_rows_goes_by_the_others():
    rows, plain = torch.randn(6, 4).double(), nn.BatchNorm1d(4).double()
    plain(rows)
    run_on_two_processes(_some_have_none, rows, plain.running_mean, plain.running_var)


def _half(rank, rows, weights, outputs, gradient, parameters, running):
    norm = SyncBN(4).double()
    half = slice(rank * 3, rank * 3 + 3)
    inputs = rows[half].clone().requires_grad_()
    ours = norm(inputs)
    (ours * weights[half]).sum().backward()
    torch.testing.assert_close(ours, outputs[half])
    torch.testing.assert_close(inputs.grad, gradient[half])
    for parameter, wanted in zip(norm.parameters(), parameters, strict=True):
        torch.distributed.all_reduce(parameter.grad)
        torch.testing.assert_close(parameter.grad, wanted)
    torch.testing.assert_close(norm.running_mean, running[0])
    torch.testing.assert_close(norm.running_var, running[1])


def test_two_processes_equal_one():
    rows, weights = torch.randn(2, 6, 4).double()
    plain = nn.BatchNorm1d(4).double()
    inputs = rows.clone().requires_grad_()
    outputs = plain(inputs)
    (outputs * weights).sum().backward()
    run_on_two_processes(
        _half,
        rows,
        weights,
        outputs.detach(),
        inputs.grad,
        [p.grad for p in plain.parameters()],
        [plain.running_mean, plain.running_var],
    )


def test_a_single_row_is_an_error():
    with pytest.raises(ValueError, match='SyncBN got one row'):
        SyncBN(4)(torch.randn(1, 4))


def test_necks_build_it():
    neck = dict(type='NonLinearNeck', in_channels=4, hid_channels=4, out_channels=2)
    norm_cfg = dict(type='mcl_plugins.SyncBN', eps=1e-6)
    norm = MODELS.build({**neck, 'norm_cfg': norm_cfg, 'with_avg_pool': False}).bn0
    assert type(norm) is SyncBN and norm.eps == 1e-6
