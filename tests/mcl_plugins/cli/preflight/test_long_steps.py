"""Long steps end the rehearsal of all processes after the same one."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import distributed as dist

from mcl_plugins.cli.preflight import steps
from processes import run_on_two_processes

SECONDS = (0.1, 2 * steps.LONG)  # of a step of each process


def _begin(rank, folder):
    clock = itertools.count(0, SECONDS[rank])
    steps.time = SimpleNamespace(perf_counter=lambda: next(clock))
    model = torch.nn.Linear(1, 1)
    runner = SimpleNamespace(model=model, optim_wrapper=torch.optim.SGD(model.parameters(), 1.0))
    hook = steps.CostHook()
    for index in range(steps.STEPS):
        hook.before_train_iter(runner, index)
        dist.barrier()  # as the averaging of the gradients
        try:
            hook.after_train_iter(runner, index)
        except steps.EnoughError:
            break
    Path(folder, str(rank)).write_text(str(len(hook.cost.steps)))
    for _ in range(index + 1, steps.STEPS):  # a process that goes on alone does not wait for ever
        dist.barrier()


def test_processes_end_after_the_same_step_if_only_one_finds_it_long(tmp_path):
    run_on_two_processes(_begin, tmp_path)
    first, second = (int((tmp_path / str(rank)).read_text()) for rank in range(2))
    assert first == second < steps.STEPS
