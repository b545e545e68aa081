"""Measure the images per second of data loading, compared with the released ConMIM's.

    mcl bench data-path --images 64 --rounds 9

Two pipelines read the same JPEG files (500x375, quality 90, cut from scikit-image's photographs)
in turn, so that both are measured under the same conditions:

* one crop: the workers' pipeline of configs/_base_/datasets/imagenet_one_crop.py, which decodes,
  crops and flips once and sends uint8;
* two branches: the pipeline of the released ConMIM. PIL decodes, flips and crops once; the basic
  branch is only normalised, the strong branch is first jittered, blurred and solarized. The
  released second crop of 112 px, which is not used, and the masks are not computed.

The augmentation that the first pipeline leaves to the device, MultiViewPreprocessor on a batch, is
measured separately.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from ...utils.places import home
from ..parsers.benchmark import data_path as parse_args

CONFIGS = home() / 'configs/_base_'
PHOTOGRAPHS = ('astronaut', 'chelsea', 'coffee', 'rocket')
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Pipeline = Callable[[Path], list[Tensor]]


@dataclass
class Rates:
    """Measurements of the data path."""

    kilobytes: float  # mean size of a JPEG file
    sent: dict[str, float]  # kB that a worker sends per image, by pipeline
    seconds: dict[str, list[float]]  # time to read all files in each round, by pipeline
    preprocessor: float  # milliseconds per batch


def main(argv: Sequence[str] | None = None) -> None:
    """Measure on one core and print a table."""
    args = parse_args(argv)
    use_one_core()
    seed(0)
    rates = measure(**vars(args))
    print(
        f'{args.images} JPEG files of 500x375, {rates.kilobytes:.0f} kB on average; one core; '
        f'medians of {args.rounds} interleaved rounds\n'
    )
    print(f'{"pipeline":<16}{"images/s":>10}{"kB sent per image":>20}')
    for name, times in rates.seconds.items():
        rate = args.images / statistics.median(times)
        print(f'{name:<16}{rate:>10.1f}{rates.sent[name]:>20.1f}')
    ratios = sorted(slow / fast for fast, slow in zip(*rates.seconds.values(), strict=True))
    print(
        f'{"ratio":<16}{statistics.median(ratios):>10.2f}'
        f'   (rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})'
    )
    print(
        f'\nMultiViewPreprocessor on {args.device or get_device()}: '
        f'{rates.preprocessor / args.batch_size:.3f} ms per image '
        f'({rates.preprocessor:.2f} ms per batch of {args.batch_size})'
    )


def measure(
    images: int = 64, rounds: int = 9, batch_size: int = 64, device: str | None = None
) -> Rates:
    """Measure both pipelines and the preprocessor with the process's number of threads.

    Args:
        images: number of JPEG files.
        rounds: how often each pipeline reads them.
        batch_size: images of the preprocessor's batch.
        device: device of the preprocessor; by default the GPU, if there is one.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = make_images(Path(folder), images)
        kilobytes = statistics.mean(file.stat().st_size for file in files) / 1000
        pipelines = {'one crop': one_crop(), 'two branches': two_branches()}
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


def make_images(folder: Path, number: int) -> list[Path]:
    """Write JPEG files of ImageNet's most common size, random crops of photographs."""
    photographs = [Image.fromarray(getattr(skimage.data, name)()) for name in PHOTOGRAPHS]
    cut = transforms.RandomResizedCrop((375, 500), scale=(0.5, 1.0), ratio=(1.2, 1.45))
    files = [folder / f'{index:05d}.jpg' for index in range(number)]
    for index, file in enumerate(files):
        cut(photographs[index % len(photographs)]).save(file, quality=90)
    return files


def one_crop() -> Pipeline:
    """Build the pipeline of this package, which returns one uint8 image."""
    config = Config.fromfile(CONFIGS / 'datasets/imagenet_one_crop.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        steps = Compose(config.train_pipeline)
    return lambda file: [steps({'img_path': str(file)})['inputs']]


def two_branches() -> Pipeline:
    """Build the pipeline of the released ConMIM, which returns a basic and a strong float image."""
    common = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomResizedCrop(224, interpolation=InterpolationMode.BICUBIC),
        ]
    )
    basic = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    strong = transforms.Compose(
        [
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.RandomApply([blur], p=0.1),
            transforms.RandomApply([ImageOps.solarize], p=0.2),
            basic,
        ]
    )

    def pipeline(file: Path) -> list[Tensor]:
        with Image.open(file) as image:
            crop = common(image.convert('RGB'))
        return [basic(crop), strong(crop)]

    return pipeline


def blur(image: Image.Image) -> Image.Image:
    """Blur with a random radius."""
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))


def interleaved(
    pipelines: Sequence[Pipeline], files: Sequence[Path], rounds: int
) -> list[list[float]]:
    """Measure the seconds in which each pipeline reads all files: one list per pipeline.

    Within a round the pipelines run directly after one another; their order alternates.
    """
    seconds: list[list[float]] = [[] for _ in pipelines]
    for current in range(rounds):
        order = list(range(len(pipelines)))
        for index in order if current % 2 == 0 else reversed(order):
            start = time.perf_counter()
            for file in files:
                pipelines[index](file)
            seconds[index].append(time.perf_counter() - start)
    return seconds


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
