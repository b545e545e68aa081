"""The random draws of each sample follow from the seed, the epoch and the sample.

PyTorch seeds the generators of a worker once, when the worker starts. What a transform draws for an
image then depends on which worker loads it, after which other images, and in which life of the
process: a resumed training repeats the draws of the first epoch, and workers that are started anew
in each epoch draw the same crops in each. Here the sampler's indices carry the epoch, and the
generators are seeded for each sample, so that all this has no influence.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader, IterableDataset


class Draw(NamedTuple):
    """A sample that is to be loaded.

    Attributes:
        index: of the sample in the data set.
        epoch: in which it is loaded, from 0.
        lap: of the data set within the epoch, from 0. With an infinite sampler, all laps are in one
            epoch.
        turn: 0 for the first time that the lap has the sample, then further numbers.
    """

    index: Any
    epoch: int
    lap: int
    turn: int


class DrawSampler:
    """A batch sampler whose indices carry their epoch, and which can start within an epoch.

    Attributes of the batch sampler that it replaces are found here too.

    Args:
        batches: the batch sampler.
        samples: number of samples of the data set.
        seed: of the training.

    Attributes:
        epoch: of the next iteration; None for the epoch of the sampler itself.
        start: batches that the next iteration leaves out; no sample of them is loaded.

    Example:
        >>> from torch.utils.data import BatchSampler
        >>> sampler = DrawSampler(BatchSampler(range(5), batch_size=2, drop_last=False), 5, seed=0)
        >>> sampler.epoch, sampler.start = 3, 2
        >>> list(sampler)
        [[Draw(index=4, epoch=3, lap=0, turn=0)]]
    """

    def __init__(self, batches: Any, samples: int, seed: int) -> None:
        self.batches = batches
        self.samples = samples
        self.seed = seed
        self.epoch: int | None = None
        self.start = 0

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the batch sampler."""
        if name == 'batches':  # while an object is unpickled
            raise AttributeError(name)
        return getattr(self.batches, name)

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield the batches of an epoch from ``start`` on, which is then 0 again."""
        start, self.start = self.start, 0
        sampler = getattr(self.batches, 'sampler', None)
        epoch = getattr(sampler, 'epoch', 0) if self.epoch is None else self.epoch
        turns = _Turns(self.samples, getattr(sampler, 'num_repeats', 1) > 1)
        drawn = ([Draw(index, epoch, *turns.count(index)) for index in b] for b in self.batches)
        yield from islice(drawn, start, None)


class _Turns:
    """Counts the laps of an epoch, and how often each has had a sample in this process."""

    def __init__(self, samples: int, repeats: bool) -> None:
        self.rank, self.world_size = get_dist_info()
        self.samples = max(samples, 1)
        self.repeats = repeats
        self.position = self.rank  # among the samples of all processes, which take turns
        self.lap = -1

    def count(self, index: Any) -> tuple[int, int]:
        """Return lap and turn of the next sample."""
        lap = self.position // self.samples
        self.position += self.world_size
        if not isinstance(index, int | np.integer):
            return lap, self.position  # its place tells it apart, as it is no number
        if lap != self.lap:
            self.lap, self.seen = lap, np.zeros(self.samples, np.int32)
        turn = int(self.seen[index])
        self.seen[index] += 1
        # A sampler that repeats each sample gives the repetitions to different processes.
        return lap, turn * self.world_size + self.rank if self.repeats else turn


class SeededFetch:
    """Loads a batch of samples, each with generators that are seeded for it.

    PyTorch calls ``dataset.__getitems__`` for a batch where a data set has it, so that an instance
    of this class as that attribute leaves data set and loader what they are.

    Args:
        dataset: the data set.
        seed: of the training.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __call__(self, batch: Sequence) -> list:
        """Load the samples of a batch and leave the generators of this process as they were.

        Indices without an epoch, of another loader of the data set, are loaded as they would be.
        """
        if not all(isinstance(draw, Draw) for draw in batch):
            return [self.dataset[index] for index in batch]
        samples = []
        with kept_generators():
            for draw in batch:
                seed_generators(self.seed, *draw)
                samples.append(self.dataset[draw.index])
        return samples


@contextmanager
def kept_generators() -> Iterator[None]:
    """Restore the generators of Python, NumPy and PyTorch's CPU after the block."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def seed_generators(*parts: Any) -> None:
    """Seed the generators of Python, NumPy and PyTorch's CPU with a hash of numbers.

    Neighbouring numbers have unrelated hashes, and each generator gets bits of its own.

    Example:
        >>> seed_generators(0, 1, 2)
        >>> first = random.random()
        >>> seed_generators(0, 1, 2)
        >>> first == random.random()
        True
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=20).digest()
    python, numpy, pytorch = struct.unpack('<QLQ', digest)
    random.seed(python)
    np.random.seed(numpy)
    torch.default_generator.manual_seed(pytorch)


def carry_draws(loader: DataLoader, seed: int) -> DrawSampler | None:
    """Make a training loader seed the draws of each sample.

    Args:
        loader: changed in place.
        seed: of the training, the same in all processes.

    Returns:
        The loader's batch sampler from now on; None for a data set without indices, batches that
        the data set itself makes, or a list, whose samples are not drawn.
    """
    if isinstance(loader.dataset, IterableDataset | list | tuple) or loader.batch_sampler is None:
        return None
    dataset: Any = loader.dataset
    batches: Any = loader.batch_sampler
    if isinstance(batches, DrawSampler):  # the loader is used again
        batches = batches.batches
    sampler = DrawSampler(batches, len(dataset), seed)
    vars(loader)['batch_sampler'] = sampler  # PyTorch refuses the assignment once it is built
    dataset.__getitems__ = SeededFetch(dataset, seed)
    return sampler
