"""Measure the images per second of data loading, compared with the released ConMIM's.

    mcl bench data-path --images 64 --rounds 9
    mcl bench data-path --size 4000 3000 --images 8

Pipelines read the same JPEG files (by default 500x375, quality 90, cut from scikit-image's
photographs) in turn, so that all are measured under the same conditions:

* one crop, two crops: the workers' pipelines of configs/_base_/datasets/imagenet_one_crop.py and
  imagenet_two_views.py, which decode an image once, crop and flip, and send uint8;
* one crop, Pillow: the same crop by the libraries' own steps, which decode the whole image and
  resize with Pillow, as this package did before;
* two branches: the pipeline of the released ConMIM. PIL decodes, flips and crops once; the basic
  branch is only normalised, the strong branch is first jittered, blurred and solarized. The
  released second crop of 112 px, which is not used, and the masks are not computed;
* mmpretrain's own pipelines for MAE, SimMIM (which crops to 192 px and draws the mask) and MoCo v3.

The augmentation that the first two leave to the device, MultiViewPreprocessor on a batch, is
measured separately.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmpretrain.registry import MODELS
from PIL import Image
from torchvision import transforms

from ..parsers.benchmark import data_path as parse_args
from .pipelines import CONFIGS, Pipeline, all_pipelines

PHOTOGRAPHS = ('astronaut', 'chelsea', 'coffee', 'rocket')


@dataclass
class Rates:
    """Measurements of the data path."""

    kilobytes: float  # mean size of a JPEG file
    sent: dict[str, float]  # kB that a worker sends per image, by pipeline
    seconds: dict[str, list[float]]  # time to read all files in each round, by pipeline
    preprocessor: float  # milliseconds per batch

    def ratios(self, slow: str, fast: str) -> list[float]:
        """Compare two pipelines round by round; sorted."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return sorted(first / second for first, second in pairs)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure on one core and print a table."""
    args = parse_args(argv)
    use_one_core()
    seed(0)
    rates = measure(**vars(args))
    print(
        f'{args.images} JPEG files of {args.size[0]}x{args.size[1]}, {rates.kilobytes:.0f} kB on '
        f'average; one core; medians of {args.rounds} interleaved rounds\n'
    )
    print(f'{"pipeline":<20}{"images/s":>10}{"kB sent per image":>20}')
    for name, times in rates.seconds.items():
        rate = args.images / statistics.median(times)
        print(f'{name:<20}{rate:>10.1f}{rates.sent[name]:>20.1f}')
    print('\none crop is faster than')
    for name in list(rates.seconds)[1:]:
        ratios = rates.ratios(name, 'one crop')
        print(
            f'{name:<20}{statistics.median(ratios):>10.2f} times'
            f'   (rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})'
        )
    print(
        f'\nMultiViewPreprocessor on {args.device or get_device()}: '
        f'{rates.preprocessor / args.batch_size:.3f} ms per image '
        f'({rates.preprocessor:.2f} ms per batch of {args.batch_size})'
    )


def measure(
    images: int = 64,
    rounds: int = 9,
    batch_size: int = 64,
    device: str | None = None,
    size: Sequence[int] = (500, 375),
) -> Rates:
    """Measure all pipelines and the preprocessor with the process's number of threads.

    Args:
        images: number of JPEG files.
        rounds: how often each pipeline reads them.
        batch_size: images of the preprocessor's batch.
        device: device of the preprocessor; by default the GPU, if there is one.
        size: width and height of the JPEG files.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = make_images(Path(folder), images, size)
        kilobytes = statistics.mean(file.stat().st_size for file in files) / 1000
        pipelines = all_pipelines()
        sent = {
            name: sum(tensor.nbytes for tensor in pipeline(files[0])) / 1000
            for name, pipeline in pipelines.items()
        }
        seconds = interleaved(list(pipelines.values()), files, rounds)
    preprocessor = preprocessor_milliseconds(
        torch.device(device or get_device()), batch_size, rounds
    )
    return Rates(kilobytes, sent, dict(zip(pipelines, seconds, strict=True)), preprocessor)


def use_one_core() -> None:
    """Restrict all libraries to one thread, as in a data loader's worker."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def seed(value: int) -> None:
    """Seed all random generators that the pipelines use."""
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)


def make_images(folder: Path, number: int, size: Sequence[int] = (500, 375)) -> list[Path]:
    """Write JPEG files, random crops of photographs, which have ImageNet's most common size.

    Larger ones are cut from a mosaic of photographs, with as much detail as theirs.
    """
    width, height = size
    photographs = [getattr(skimage.data, name)() for name in PHOTOGRAPHS]
    if width * height > 4 * photographs[0].size:
        tiles = [photograph[:300, :400] for photograph in photographs]
        rows, columns = -(-height // 300) + 1, -(-width // 400) + 1
        photographs = [
            np.vstack(
                [
                    np.hstack([tiles[(y * x + start) % 4] for x in range(columns)])
                    for y in range(rows)
                ]
            )
            for start in range(4)
        ]
    cut = transforms.RandomResizedCrop((height, width), scale=(0.5, 1.0), ratio=(1.2, 1.45))
    files = [folder / f'{index:05d}.jpg' for index in range(number)]
    for index, file in enumerate(files):
        cut(Image.fromarray(photographs[index % 4])).save(file, quality=90)
    return files


def interleaved(
    pipelines: Sequence[Pipeline], files: Sequence[Path], rounds: int
) -> list[list[float]]:
    """Measure the seconds in which each pipeline reads all files: one list per pipeline.

    These are seconds of the core, so that other processes of the machine do not count. Each file is
    read by all pipelines directly after one another; their order alternates.
    """
    order = list(range(len(pipelines)))
    seconds = np.zeros((len(pipelines), rounds))
    for current in range(rounds):
        for file in files:
            order.reverse()
            for index in order:
                start = time.process_time()
                pipelines[index](file)
                seconds[index, current] += time.process_time() - start
    return seconds.tolist()


def preprocessor_milliseconds(device: torch.device, batch_size: int, rounds: int) -> float:
    """Measure the median time in which ConMIM's preprocessor makes both views of a batch."""
    config = Config.fromfile(CONFIGS / 'models/conmim.py')
    preprocessor = MODELS.build(config.data_preprocessor).to(device)
    inputs = torch.randint(256, (batch_size, 3, 224, 224), dtype=torch.uint8, device=device)
    times = []
    for _ in range(rounds + 1):
        synchronize(device)
        start = time.perf_counter()
        preprocessor({'inputs': inputs}, training=True)
        synchronize(device)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[1:])  # the first one is a warm-up


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
