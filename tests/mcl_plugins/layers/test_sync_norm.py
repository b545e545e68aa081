"""Batch norm over processes on CPUs: two processes equal one."""

import itertools

import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn

from mcl_plugins.layers.sync_norm import SyncBN
from processes import run_on_two_processes

PLAIN = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
OPTIONS = (
    dict(eps=1e-6),
    dict(momentum=None),  # the average over all batches
    dict(affine=False, track_running_stats=False),
)


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
@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_one_process_equals_batch_norm(shape, options):
    rows, weights = torch.randn(2, *shape).double()
    norm, plain = SyncBN(4, **options).double(), PLAIN[len(shape)](4, **options).double()
    for _ in range(2):  # the second time from running statistics that have moved
        norm.zero_grad()
        plain.zero_grad()
        compare(norm, plain, rows, weights)
    norm.eval()
    plain.eval()
    torch.testing.assert_close(norm(rows), plain(rows))


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


def _half(rank, batches, weights, options, wanted):
    """Three rows of six on this process, twice, against one norm of all six."""
    norm = SyncBN(4, **options).double()
    half = slice(rank * 3, rank * 3 + 3)
    for rows in batches:
        norm.zero_grad()
        inputs = rows[half].clone().requires_grad_()
        outputs = norm(inputs)
        (outputs * weights[half]).sum().backward()
    torch.testing.assert_close(outputs, wanted['outputs'][half])
    torch.testing.assert_close(inputs.grad, wanted['gradient'][half])
    for parameter, gradient in zip(norm.parameters(), wanted['gradients'], strict=True):
        torch.distributed.all_reduce(parameter.grad)
        torch.testing.assert_close(parameter.grad, gradient)
    for buffer, expected in zip(norm.buffers(), wanted['buffers'], strict=True):
        torch.testing.assert_close(buffer, expected)


def _halves(rank, cases):
    for case in cases:
        _half(rank, *case)


def test_two_processes_equal_one():
    cases = []
    for shape, options in itertools.product([(6, 4), (6, 4, 5), (6, 4, 3, 3)], OPTIONS):
        batches, weights = torch.randn(2, *shape).double(), torch.randn(shape).double()
        plain = PLAIN[len(shape)](4, **options).double()
        for rows in batches:  # the second from running statistics that have moved
            plain.zero_grad()
            inputs = rows.clone().requires_grad_()
            outputs = plain(inputs)
            (outputs * weights).sum().backward()
        wanted = dict(
            outputs=outputs.detach(),
            gradient=inputs.grad,
            gradients=[parameter.grad for parameter in plain.parameters()],
            buffers=list(plain.buffers()),
        )
        cases.append((batches, weights, options, wanted))
    run_on_two_processes(_halves, cases)


def test_a_single_row_is_an_error():
    with pytest.raises(ValueError, match='SyncBN got one row'):
        SyncBN(4)(torch.randn(1, 4))


def test_necks_build_it():
    neck = dict(type='NonLinearNeck', in_channels=4, hid_channels=4, out_channels=2)
    norm_cfg = dict(type='mcl_plugins.SyncBN', eps=1e-6)
    norm = MODELS.build({**neck, 'norm_cfg': norm_cfg, 'with_avg_pool': False}).bn0
    assert type(norm) is SyncBN and norm.eps == 1e-6
