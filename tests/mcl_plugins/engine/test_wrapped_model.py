"""The model of several processes: gradients that are sent from where they are."""

from types import SimpleNamespace

import torch
from torch import nn

from mcl_plugins.engine.processes import ProcessesRunner
from processes import run_on_two_processes


def check_gradients(rank):
    """Each process has images of its own; accumulated gradients are averaged too."""
    runner = SimpleNamespace(distributed=True, cfg={})
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    images = torch.arange(12.0).view(4, 3)
    wanted = torch.autograd.grad(model(images).sum() / 2, list(model.parameters()))
    wrapped = ProcessesRunner.wrap_model(runner, None, model)
    own = images[2 * rank : 2 * rank + 2]
    for _ in range(2):  # the second time with gradients that there were
        with wrapped.no_sync():
            wrapped.module(own[:1]).sum().backward()
        wrapped(own[1:]).sum().backward()
        grads = [parameter.grad for parameter in model.parameters()]
        torch.testing.assert_close(grads, list(wanted))
        places = {gradient.untyped_storage().data_ptr() for gradient in grads}
        assert len(places) == 1, 'not in the bucket that is sent'
        model.zero_grad()


def test_gradients_are_in_memory_once():
    run_on_two_processes(check_gradients)
