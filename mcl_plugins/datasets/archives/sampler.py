"""A sampler that reads a few archives at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from ...registry import DATA_SAMPLERS
from .address import parse_address


@DATA_SAMPLERS.register_module()
class ShardSampler(Sampler[int]):
    """Shuffle archives, divide them among the processes, and shuffle the images of a few at a time.

    MMEngine's ``DefaultSampler`` shuffles all images, so that each process reads all archives in
    any order. A disk that is fast only in sequence, or an archive of another machine, is then the
    limit. With this sampler a process reads its own part of the archives, ``mixed`` of them at a
    time; the epochs divide them differently. An epoch has each image once, and the order follows
    from seed and epoch, so that a training continues at any iteration. Continued with another
    number of processes, the epoch may repeat images and miss others.

    Args:
        dataset: a data set in archives.
        mixed: number of archives of which the images are mixed; the more, the nearer the order is
            to that of a shuffled data set.
        seed: of the shuffles, the same in all processes; None for a common one.
        shuffle: must be True: an evaluation uses ``DefaultSampler``.

    Raises:
        ValueError: the data set is not in archives, these are fewer than the processes, or an
            argument is not one of these.
    """

    def __init__(
        self, dataset: Any, mixed: int = 8, seed: int | None = None, shuffle: bool = True
    ) -> None:
        if mixed < 1 or not shuffle:
            raise ValueError(
                f'mixed={mixed} must be at least 1 and shuffle={shuffle} True: for another order '
                "use sampler=dict(type='DefaultSampler')."
            )
        self.rank, self.world_size = get_dist_info()
        self.mixed = mixed
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.shards = _group(dataset)
        if len(self.shards) < self.world_size:
            raise ValueError(
                f'{len(self.shards)} archives cannot be divided among {self.world_size} processes: '
                "pack the images in more of them, or use sampler=dict(type='DefaultSampler')."
            )
        self.num_samples = -(-len(dataset) // self.world_size)

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of this process."""
        generator = np.random.default_rng((self.seed, self.epoch))
        order = [self.shards[number] for number in generator.permutation(len(self.shards))]
        images = np.concatenate(order)
        # All processes have as many images, so the last one repeats some of the first.
        start = self.rank * self.num_samples
        own = np.resize(images, self.num_samples * self.world_size)[start:][: self.num_samples]
        window = self.mixed * max(len(images) // len(self.shards), 1)
        for place in range(0, len(own), window):
            yield from generator.permutation(own[place : place + window]).tolist()

    def __len__(self) -> int:
        """Return the number of images of this process in an epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, which decides the order."""
        self.epoch = epoch


def _group(dataset: Any) -> list[np.ndarray]:
    """Return the indices of the images of each archive."""
    groups: dict[str, list[int]] = {}
    for index in range(len(dataset)):
        path = dataset.get_data_info(index).get('img_path', '')
        try:
            archive = parse_address(path).archive
        except ValueError as error:
            raise ValueError(
                f'ShardSampler reads data sets in archives, and {path!r} is in none: use '
                "sampler=dict(type='DefaultSampler')."
            ) from error
        groups.setdefault(archive, []).append(index)
    return [np.array(indices) for indices in groups.values()]
