"""How long the trainings of a chain take: from steps that were measured, or from their work.

With a GPU ``mcl preflight`` begins each training, with all of its processes, before the first one
runs for days. That finds faults of the later ones, too, and measures a step. A training that cannot
begin yet, because its teacher is still to be trained, and all trainings without a GPU, are
predicted from the floating point operations of a step and the rate at which the device multiplies
matrices. No training reaches that rate, so this is a lower bound.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger

from ...algorithms import PretrainingMethod
from ..benchmark.count import count_work
from ..benchmark.step import Step
from .plan import TEACHER, Stage
from .stages import Launch, run_preflight

# Training images of the data sets (COCO: those with annotations).
IMAGES = {
    'mcl_plugins.ImageNet': 1_281_167,
    'mcl_plugins.ImageNet100': 126_689,
    'mcl_plugins.CocoDataset': 117_266,
    'mcl_plugins.Flowers102': 2_040,
}
INATURALIST = {2018: 437_513, 2019: 265_213}
_COUNTED = 8  # images of a batch that is counted


@dataclass(frozen=True)
class Forecast:
    """How long a training takes.

    Attributes:
        stage: its name.
        images: that it sees; 0 if the size of its data is not known.
        hours: None if they cannot be predicted.
        reason: what the hours follow from.
        least: whether it takes longer.

    Example:
        >>> print(Forecast('1-vit-b', 384_350_100, 25.0, 'measured'))
        1-vit-b: 384 million images, 25 hours: measured
    """

    stage: str
    images: int
    hours: float | None
    reason: str
    least: bool = False

    def __str__(self) -> str:
        seen = f'{self.images / 1e6:,.0f} million images, ' if self.images else ''
        hours = 'hours not known' if self.hours is None else _hours(self.hours, self.least)
        return f'{self.stage}: {seen}{hours}: {self.reason}'


def _hours(hours: float, least: bool) -> str:
    return f'{"at least " * least}{hours:,.3g} hours'


def describe(forecasts: Iterable[Forecast]) -> str:
    """Return a line for each training, and their sum.

    Example:
        >>> trainings = [Forecast('1-a', 0, 5.0, 'measured'), Forecast('2-b', 0, None, 'not')]
        >>> print(describe(trainings))
        1-a: 5 hours: measured
        2-b: hours not known: not
        all: at least 5 hours, without validations and tests
    """
    forecasts = list(forecasts)
    lines = [str(forecast) for forecast in forecasts]
    if len(forecasts) > 1:
        least = any(forecast.least or forecast.hours is None for forecast in forecasts)
        total = sum(forecast.hours or 0 for forecast in forecasts)
        lines.append(f'all: {_hours(total, least)}, without validations and tests')
    return '\n'.join(lines)


def count_images(config: Config) -> int:
    """Return how many images a training of a config sees, each epoch anew; 0 if it is not known.

    Example:
        >>> dataset = dict(type='mcl_plugins.ImageNet')
        >>> config = dict(train_cfg=dict(max_epochs=100), train_dataloader=dict(dataset=dataset))
        >>> count_images(Config(config))
        128116700
    """
    training, loader = config.train_cfg, config.train_dataloader
    if training.get('max_iters'):
        return training.max_iters * config.auto_scale_lr.base_batch_size
    kind = loader.dataset.type
    number = INATURALIST[loader.dataset.year] if 'INat' in kind else IMAGES.get(kind, 0)
    return training.max_epochs * number


def measure(
    stage: Stage, config: Path, images: int, options: dict[str, Any], out: Path, launch: Launch
) -> Forecast | None:
    """Begin a training, with all of its checks, and predict its hours from a few steps.

    Args:
        stage: of the chain.
        config: its config file.
        images: that the training sees.
        options: options of the config.
        out: file for what the steps cost. If it exists, the training has been begun before, and is
            not begun again.
        launch: processes.

    Returns:
        None for a student whose teacher is trained by an earlier stage.

    Raises:
        SystemExit: the training has a fault, which was printed.
    """
    if stage.option == TEACHER:
        return None
    if not out.is_file():
        start = {'load_from': None} if stage.option == 'load_from' else {}
        if stage.source and not start:  # its weights do not change the time
            start = {'model.backbone.init_cfg': None}
        run_preflight(config, out, {**options, **start}, launch)
    cost = json.loads(out.read_text(encoding='utf-8'))
    reason = (
        f'measured, {cost["step"]:.3g} s for {cost["processes"]} x {cost["images"]} images '
        f'({cost["device"]})'
    )
    return Forecast(stage.name, images, cost['iterations'] * cost['step'] / 3600, reason)


def count(stage: Stage, config: Config, devices: int) -> Forecast:
    """Predict the least hours of a training from its floating point operations.

    Only pre-training with a method of this package is counted.

    Args:
        stage: of the chain.
        config: its config; not changed.
        devices: that share the work, each as fast as this machine's.
    """
    images = count_images(config)
    work = _gflop_per_image(config)
    if work is None or not images:
        return Forecast(stage.name, images, None, 'neither measured nor counted')
    rate = matrix_rate()
    hours = images * work * 1e9 / rate / devices / 3600
    reason = (
        f'from its {work:,.3g} GFLOP an image and the {rate / 1e12:.3g} TFLOP/s at which '
        f'this {"GPU" if torch.cuda.is_available() else "CPU"} multiplies matrices'
    )
    return Forecast(stage.name, images, hours, reason, least=True)


def matrix_rate(seconds: float = 0.5) -> float:
    """Measure how many floating point operations a second the device does in products of matrices.

    They are bfloat16 on a GPU and float32 on a CPU, in this process's threads.

    Args:
        seconds: that are measured at least, after a warm-up.
    """
    gpu = get_device() == 'cuda'
    side = 8192 if gpu else 1024
    matrix = torch.randn(side, side, device=get_device()).to(
        torch.bfloat16 if gpu else torch.float32
    )

    def multiply() -> None:
        torch.mm(matrix, matrix)
        if gpu:
            torch.cuda.synchronize()

    multiply()
    begin, number = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        multiply()
        number += 1
    return number * 2 * side**3 / (time.perf_counter() - begin)


def _gflop_per_image(config: Config) -> float | None:
    """Work of a step; None if it is not that of a pre-training with a method of this package."""
    if config.get('val_dataloader') or 'img_size' not in config.model.backbone:
        return None
    MMLogger.get_instance('forecast', log_level='ERROR')
    step = Step(Config(config.to_dict()), _COUNTED, torch.device('cpu'))
    if not isinstance(step.model, PretrainingMethod):
        return None
    return count_work(step).gflop / step.images
