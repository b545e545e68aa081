"""The first steps of a training, and what they cost."""

from __future__ import annotations

import resource
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...engine.agreement import StepAgreement
from ...engine.batches import images_per_process

STEPS = 6  # at most, of which the first warms up
LONG = 20.0  # seconds of a process's steps, at which all of them end after the same one


@dataclass
class Cost:
    """What steps of a training cost on a process.

    Attributes:
        steps: seconds of each iteration, without the wait for its batch.
        waits: seconds that each iteration waited for its batch.
        images: of a batch of a process.
        memory: bytes in use at the most: of the GPU, or of this process without one.
        capacity: bytes of the GPU; 0 without one.
        device: its name.
        checkpoint: bytes of a checkpoint.
        iterations: of the whole training.
    """

    steps: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    images: int = 0
    memory: int = 0
    capacity: int = 0
    device: str = 'CPU'
    checkpoint: int = 0
    iterations: int = 0

    @property
    def step(self) -> float:
        """Median seconds of an iteration; the first, which warms up, counts if it is the only."""
        return statistics.median(self.steps[1:] or self.steps)


class EnoughError(Exception):
    """Ends a training after a few steps."""


class CostHook(Hook):
    """Measure the first iterations of a training, then end it.

    Args:
        steps: number of iterations at most; fewer if they are long.

    Raises:
        EnoughError: after the last measured iteration, which is the same in all processes.
    """

    priority = 'VERY_LOW'  # what the other hooks do belongs to an iteration

    def __init__(self, steps: int = STEPS) -> None:
        self.most = steps
        self.cost = Cost()
        self._ended = self._began = 0.0
        self._agreement = StepAgreement('preflight')

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self.cost.images = images_per_process(runner.train_dataloader)
        self.cost.iterations = runner.max_iters
        self._ended = time.perf_counter()

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Note how long the batch took."""
        self._began = time.perf_counter()
        self.cost.waits.append(self._began - self._ended)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Note how long the iteration took, and stop after enough of them."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._ended = time.perf_counter()
        self.cost.steps.append(self._ended - self._began)
        # Processes wait for each other within a step, so their own sums differ.
        long = self._agreement.reached(sum(self.cost.steps) > LONG)
        if long or len(self.cost.steps) >= self.most:
            self.note_memory(runner)
            raise EnoughError

    def note_memory(self, runner: Runner) -> None:
        """Note the memory in use at the most, and the size of a checkpoint."""
        cost = self.cost
        states = (runner.model.state_dict(), runner.optim_wrapper.state_dict())
        cost.checkpoint = sum(map(size_in_bytes, states))
        if torch.cuda.is_available():
            properties = torch.cuda.get_device_properties(torch.cuda.current_device())
            cost.memory = torch.cuda.max_memory_allocated()
            cost.capacity, cost.device = properties.total_memory, properties.name
        else:
            cost.memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def take_steps(runner: Runner, steps: int = STEPS) -> Cost:
    """Begin a training, with all the checks that it makes, and end it after a few iterations.

    The iterations are those of the training: full batches, loader, hooks and schedules.

    Args:
        runner: with a work dir of its own. It cannot be used afterwards.
        steps: number of iterations at most; fewer if they are long.

    Raises:
        ValueError: what the Runner finds wrong, or other errors of its parts.
    """
    hook = CostHook(steps)
    runner.register_hook(hook)
    try:
        runner.train()
    except EnoughError:
        pass
    else:  # a shorter training
        hook.note_memory(runner)
    return hook.cost


def size_in_bytes(state: Any) -> int:
    """Return the bytes of all tensors in a nest of dicts and lists.

    Example:
        >>> size_in_bytes({'a': torch.zeros(3), 'b': [torch.zeros(2, dtype=torch.uint8)]})
        14
    """
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        state = list(state.values())
    return sum(map(size_in_bytes, state)) if isinstance(state, list | tuple) else 0
