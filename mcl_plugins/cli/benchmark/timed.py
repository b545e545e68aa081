"""A training step whose time and memory are measured."""

from __future__ import annotations

import statistics
import time
from abc import ABC, abstractmethod

import torch


class TimedStep(ABC):
    """A training step that can be taken again and again.

    Args:
        batch_size: images of a batch.
        device: where it trains.
        batches: of a step, whose gradients are accumulated before the optimizer uses them.

    Attributes:
        images: of a step, those of all its batches.
        seconds: time of each step that was called.
        memory: peak memory in GiB on a GPU, otherwise 0.
    """

    def __init__(self, batch_size: int, device: torch.device, batches: int = 1) -> None:
        self.images = batch_size * batches
        self.batches = batches
        self.device = device
        self.seconds: list[float] = []
        self.memory = 0.0

    @abstractmethod
    def train(self) -> None:
        """Take a step of the optimizer, with all batches before it."""

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
        """Print the median time of all steps after the first, a warm-up; return it per image."""
        median = statistics.median(self.seconds[1:])
        rate = self.images / median
        memory = f'{self.memory:8.1f} GiB' if self.memory else ''
        print(f'{name:10}{1000 * median:12.1f} ms{rate:12.1f} images/s{memory}{self.accumulation}')
        return median / self.images

    @property
    def accumulation(self) -> str:
        """What a step accumulates, in words; empty if it has one batch."""
        if self.batches == 1:
            return ''
        each = self.images // self.batches
        return f'  (a step accumulates {self.batches} batches of {each} images)'
