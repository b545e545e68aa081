"""Measure the stages of a data path on own images, and say whether it is the bound.

    mcl bench data conmim/vit-b.py --cfg-options train_dataloader.dataset.data_root=/data/imagenet
    mcl bench data conmim/vit-b.py --step-rate 1200

Images of the training set, evenly spread, go through the stages one after another in this process,
as in a worker of the data loader: read, decode, crop and the other steps of the pipeline, collate.
Then a batch goes to the device, and the training step is measured; its augmentation on the device
is also measured alone. Printed are the milliseconds of each stage, the images per second that a
core delivers, the cores that feed the step, and the verdict, for a process on each GPU of this
machine (under a launcher, for its processes). Files that were read a short time ago come from the
system's cache, so the first run after a start of the machine says most of the disk.
"""

from __future__ import annotations

import copy
import math
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import FUNCTIONS, DefaultScope
from mmpretrain.registry import DATASETS

from ...engine.log_processor import NOTABLE
from ...utils.machine import usable_cores
from ...utils.sampling import spaced_indices
from ..common import read_config
from ..options import merge_options
from ..parsers.benchmark import data as parse_args
from .stages import Stopwatch
from .step import Step


@dataclass
class Speed:
    """Measurements of a data path and of the step that it feeds.

    Attributes:
        stages: seconds per image of each stage in a worker.
        device: seconds per image of each stage on the device.
        step: images per second of the training step.
        workers: of the data loader.
        cores: of this machine, for each of its processes.
    """

    stages: dict[str, float]
    step: float
    workers: int
    cores: int
    device: dict[str, float] = field(default_factory=dict)

    @property
    def core(self) -> float:
        """Images per second that a core delivers."""
        return 1 / sum(self.stages.values())

    @property
    def needed(self) -> float:
        """Cores that deliver the images of a step while the one before is computed."""
        return self.step / self.core

    def verdict(self) -> str:
        """Say in one sentence whether the training waits for its data.

        Example:
            >>> print(Speed({'decode': 0.002}, step=2000, workers=2, cores=8).verdict())
            Data-bound: the step takes 2000 images/s, for which 4.0 cores are needed, and the \
config has 2 workers: set train_dataloader.num_workers=4.
        """
        need = (
            f'the step takes {self.step:.4g} images/s, for which {self.needed:.1f} cores are needed'
        )
        have = f'the config has {self.workers} worker{"s" * (self.workers > 1)}'
        if self.needed > self.cores:
            slowest = max(self.stages, key=self.stages.__getitem__)
            share = self.stages[slowest] * self.core
            return (
                f'Data-bound: {need}, and this machine has {self.cores} for each process; of their '
                f'time {share:.0%} is {slowest}.'
            )
        wanted = math.ceil(self.needed)
        if self.workers == 0:
            share = self.needed / (1 + self.needed)
            if share < NOTABLE:
                return f'Not data-bound: without workers {share:.2%} of the time is loading.'
            return (
                f'Data-bound: without workers {share:.0%} of the time is loading; set '
                f'train_dataloader.num_workers={wanted}.'
            )
        if self.needed > self.workers:
            return f'Data-bound: {need}, and {have}: set train_dataloader.num_workers={wanted}.'
        return f'Not data-bound: {need}, and {have}.'


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the stages and print them and the verdict."""
    MMLogger.get_instance('benchmark', log_level='ERROR')
    args = parse_args(argv)
    speed = measure(**vars(args))
    total = sum(speed.stages.values())
    print(f'{"stage":<24}{"ms per image":>14}{"share":>8}')
    for name, seconds in speed.stages.items():
        print(f'{name:<24}{1000 * seconds:>14.3f}{seconds / total:>8.0%}')
    for name, seconds in speed.device.items():
        print(f'{name:<24}{1000 * seconds:>14.3f}')
    print(
        f'\n{speed.core:.1f} images/s per core; step {speed.step:.1f} images/s; '
        f'{speed.needed:.3g} cores feed it'
    )
    print(speed.verdict())


def measure(
    config: str | Path,
    images: int = 256,
    batch_size: int | None = None,
    steps: int = 3,
    step_rate: float | None = None,
    device: str | None = None,
    cfg_options: dict[str, Any] | None = None,
) -> Speed:
    """Measure the data path of a config.

    Args:
        config: a path, or a name among the package's own configs.
        images: number of images that are loaded.
        batch_size: of the measured step; None for the config's.
        steps: number of measured steps.
        step_rate: images per second of the step; None to measure it here.
        device: of the step; by default the GPU, if there is one.
        cfg_options: options of the config to override, by dotted name.

    Raises:
        FileNotFoundError: there is no such config or data set.
        ValueError: the data set has no indices, or an image cannot be read.
    """
    cfg = read_config(config)
    merge_options(cfg, cfg_options)
    loader = cfg.train_dataloader
    size = batch_size or loader.get('batch_size', 64)
    watch = Stopwatch()
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmpretrain')):
        samples = load_samples(loader, max(images, size), watch)
        collate = FUNCTIONS.get(loader.get('collate_fn', {}).get('type', 'default_collate'))
    batches = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    with watch.stage('collate'):
        collated = [collate(batch) for batch in batches]
    stages = {name: seconds / len(samples) for name, seconds in watch.seconds.items()}
    stages['collate'] *= len(samples) / (len(batches) * size)
    cores = cores_of_process(local_processes() or torch.cuda.device_count() or 1)
    speed = Speed(stages, step_rate or 0, loader.get('num_workers', 0), cores)
    if step_rate is None:
        measure_step(cfg, collated[0], steps, torch.device(device or get_device()), speed)
    return speed


def load_samples(loader: Config, images: int, watch: Stopwatch) -> list:
    """Load images of a data set with one thread, as a worker does.

    Raises:
        ValueError: the data set has no indices.
    """
    dataset: Any = DATASETS.build(copy.deepcopy(loader.dataset))
    if not hasattr(dataset, '__len__'):
        raise ValueError(f'{type(dataset).__name__} is read in its own order: measure a folder.')
    indices = spaced_indices(len(dataset), images)
    if hasattr(dataset, 'pipeline'):
        watch.time_pipeline(dataset.pipeline.transforms)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with watch.stage('data set'):
        dataset[indices[0]]  # what the first image alone costs
    watch.seconds.clear()
    samples = []
    for count in range(images):
        with watch.stage('data set'):
            samples.append(dataset[indices[count % len(indices)]])
    torch.set_num_threads(threads)
    return samples


def local_processes() -> int | None:
    """Return the number of processes that the launcher has started on this machine, if any."""
    number = os.environ.get('LOCAL_WORLD_SIZE')
    return int(number) if number else None


def cores_of_process(processes: int | None = None) -> int:
    """Return the cores of this machine for each training process.

    Args:
        processes: of the training on this machine; None for those that the launcher has started,
            and for one without a launcher.
    """
    processes = processes or local_processes() or 1
    return max(1, usable_cores() // processes)


def measure_step(cfg: Config, batch: dict, steps: int, device: torch.device, speed: Speed) -> None:
    """Measure transfer, augmentation and the whole step on the device."""
    cfg.model.backbone.pop('init_cfg', None)  # weights do not matter
    step = Step(cfg, 1, device)
    images = len(batch['data_samples'])  # of each batch of a step
    preprocessor: Any = step.model.data_preprocessor
    move = preprocessor.cast_data
    transfer = median(lambda: move(batch), steps, step)
    moved = move(batch)
    augment = median(lambda: preprocessor(copy.copy(moved), training=True), steps, step)
    step.batch = batch
    whole = median(step.train, steps, step) / step.batches
    speed.device = {
        'transfer': transfer / images,
        'augmentation on device': augment / images,
        'step': whole / images,
    }
    speed.step = images / whole


def median(work: Callable[[], Any], repeats: int, step: Step) -> float:
    """Return the median seconds of a task on the step's device, after one for warm-up."""
    seconds = []
    for _ in range(repeats + 1):
        start = step.now()
        work()
        seconds.append(step.now() - start)
    return statistics.median(seconds[1:])
