"""A training step whose time and memory are measured."""

from __future__ import annotations

import statistics
import time
from abc import ABC, abstractmethod

import torch


class TimedStep(ABC):
    """A training step that can be taken again and again.

    Args:
        images: number of images of a step.
        device: where it trains.

    Attributes:
        seconds: time of each step that was called.
        memory: peak memory in GiB on a GPU, otherwise 0.
    """

    def __init__(self, images: int, device: torch.device) -> None:
        self.images = images
        self.device = device
        self.seconds: list[float] = []
        self.memory = 0.0

    @abstractmethod
    def train(self) -> None:
        """Take a step."""

    def __call__(self) -> None:
        """Take a step and record its time and peak memory."""
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        start = self.now()
        self.train()
        self.seconds.append(self.now() - start)
        if self.device.type == 'cuda':
            self.memory = max(self.memory, torch.cuda.max_memory_allocated() / 2**30)

    def now(self) -> float:
        """Return a time in seconds, after what the device has still to do."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter()

    def report(self, name: str) -> float:
        """Print and return the median time of all steps after the first, a warm-up."""
        median = statistics.median(self.seconds[1:])
        images = self.images / median
        memory = f'{self.memory:8.1f} GiB' if self.memory else ''
        print(f'{name:10}{1000 * median:12.1f} ms{images:12.1f} images/s{memory}')
        return median
