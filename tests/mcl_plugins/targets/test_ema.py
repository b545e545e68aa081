"""The EMA teacher against a plain loop, and its schedule against the released formula."""

import math

import pytest
import torch
from torch import nn

from mcl_plugins.targets.ema import EMA, MomentumSchedule


def student():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def test_schedule_is_the_released_cosine():
    schedule, total = MomentumSchedule(0.996), 50
    for step in range(total):
        released = 1 + 0.5 * (0.996 - 1) * (1 + math.cos(math.pi * step / total))
        assert schedule(step, total) == pytest.approx(released, abs=1e-12)
    assert schedule(0, total) == pytest.approx(0.996)


def test_equal_ends_make_a_constant():
    assert {MomentumSchedule(0.99, 0.99)(step, 10) for step in range(10)} == {0.99}


def test_steps_after_the_last_keep_the_end():
    """MMEngine's Runner repeats an epoch if it resumes within it, and counts on."""
    schedule = MomentumSchedule(0.9, 0.999)
    assert [schedule(step, 10) for step in (10, 15, 20)] == [0.999] * 3


@pytest.mark.parametrize('start', [-0.1, 1.2])
def test_momentum_outside_the_unit_interval_is_refused(start):
    with pytest.raises(ValueError, match='momentum start'):
        MomentumSchedule(start)


def test_update_equals_a_plain_loop_and_leaves_buffers():
    network = student()
    teacher = EMA(dict(start=0.9), net=network)
    with torch.no_grad():
        for param in network.parameters():
            param.add_(torch.randn_like(param))
    network(torch.randn(8, 4))  # moves the student's running statistics
    expected = {
        name: 0.9 * old + 0.1 * dict(network.named_parameters())[name]
        for name, old in teacher.net.named_parameters()
    }
    buffers = {name: value.clone() for name, value in teacher.net.named_buffers()}
    teacher.update(0.9)
    for name, value in teacher.net.named_parameters():
        torch.testing.assert_close(value, expected[name])
    for name, value in teacher.net.named_buffers():
        assert torch.equal(value, buffers[name])


def test_momentum_zero_makes_the_teacher_the_student():
    network = student()
    teacher = EMA(dict(start=0.9), net=network)
    nn.init.normal_(network[0].weight)
    teacher.update(0.0)
    assert torch.equal(teacher.net[0].weight, network[0].weight)


def test_teacher_is_a_copy_without_gradient_that_starts_equal():
    network = student()
    teacher = EMA(dict(start=0.9), net=network)
    nn.init.normal_(network[0].weight)
    teacher.init_weights()
    assert torch.equal(teacher.net[0].weight, network[0].weight)
    assert teacher.net[0].weight is not network[0].weight
    assert not any(param.requires_grad for param in teacher.parameters())
    assert sorted(teacher.state_dict()) == sorted(f'net.{name}' for name in network.state_dict())
