r"""Measure the time of a training step of a config, and compare it with a variant.

    mcl bench step conmim/vit-b.py --batch-size 64
    mcl bench step conmim/vit-b.py --batch-size 2 \
        --against model.backbone.type=mcl_benchmark.MMPretrainBEiT
    mcl bench step ccmim/vit-b.py --batch-size 2 \
        --against model.type=mcl_benchmark.CcMIMWithMaps
    mcl bench step mimco/vit-b.py --batch-size 8 \
        --against model.patch_contrast.head.type=mcl_benchmark.QueueInfoNCEWithLogits

A step is the complete work of training on a batch of uint8 images on the device: preprocessing,
forward, backward, optimizer, EMA and the notes for the log. If the config accumulates gradients
(optim_wrapper.accumulative_counts), it is that of all batches up to the step of the optimizer. Both
variants alternate step by step, so that they are measured under the same conditions. The medians,
their ratio per image and, on a GPU, the peak memory are printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from ...algorithms import PretrainingMethod
from ...engine.finite.fused import fuse
from ...engine.optim import own_wrapper
from ...engine.scalars import note_scalar
from ...targets import allow_random_teachers
from ..common import read_config
from ..options import merge_options
from ..parsers.benchmark import step as parse_args
from . import references  # noqa: F401  registers the names for --against
from .checkouts import ReleasedStep
from .timed import TimedStep


class Step(TimedStep):
    """A model with its optimizer and a batch of random images.

    Args:
        config: config of a pre-training, whose ``optim_wrapper.accumulative_counts`` is the number
            of batches of a step.
        batch_size: images of a batch.
        device: where it trains.
    """

    def __init__(self, config: Config, batch_size: int, device: torch.device) -> None:
        super().__init__(batch_size, device, config.optim_wrapper.get('accumulative_counts', 1))
        with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpretrain')):
            # As in the Runner, a preprocessor inside of the model goes before that of the config.
            outer = {'data_preprocessor': config.get('data_preprocessor')}
            self.model = MODELS.build({**outer, **config.model})
            allow_random_teachers(self.model)
            self.model.to(device)  # first, because a GPU draws weights faster
            self.model.init_weights()
            self.model.train()
        self.config = config
        self.build_optimizer()
        side = config.model.backbone.img_size
        self.batch: dict[str, Any] = dict(
            inputs=torch.randint(
                256, (batch_size, 3, side, side), dtype=torch.uint8, device=device
            ),
            data_samples=None,
        )

    def build_optimizer(self) -> None:
        """Build the optimizer of the model's parameters."""
        with DefaultScope.overwrite_default_scope(self.config.get('default_scope', 'mmpretrain')):
            self.wrapper = build_optim_wrapper(self.model, own_wrapper(self.config.optim_wrapper))
        fuse(self.wrapper.optimizer)  # as the Runner does on a GPU

    def train(self) -> None:
        """Take a step of the optimizer; with accumulation each of its batches is the same."""
        for _ in range(self.batches):
            self.train_batch()

    def train_batch(self) -> None:
        """Train on the batch; the optimizer takes a step after the last one of a step."""
        if isinstance(self.model, PretrainingMethod):
            self.model.set_progress(0, 1000)
        losses = self.model.train_step(self.batch, self.wrapper)
        for key, value in losses.items():
            note_scalar(self.wrapper.message_hub, f'train/{key}', value)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the steps and print their medians and ratio."""
    MMLogger.get_instance('benchmark', log_level='ERROR')
    steps = time_steps(**vars(parse_args(argv)))
    medians = [step.report(name) for name, step in steps.items()]
    own = steps['config']
    for (name, step), median in list(zip(steps.items(), medians, strict=True))[1:]:
        pairs = zip(own.seconds[1:], step.seconds[1:], strict=True)
        scale = own.images / step.images  # per image, also if they accumulate differently
        ratios = sorted(scale * other / seconds for seconds, other in pairs)
        print(f'{name} / config: {median / medians[0]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})')


def time_steps(
    config: str | Path,
    batch_size: int = 64,
    steps: int = 10,
    device: str | torch.device | None = None,
    cfg_options: dict[str, Any] | None = None,
    against: dict[str, Any] | None = None,
    against_released: str | Path | None = None,
) -> dict[str, TimedStep]:
    """Measure training steps of a config, alternating with those of another.

    Args:
        config: config of a pre-training: a path, or a name among the package's own configs.
        batch_size: images of a batch.
        steps: number of measured steps, after one step of warm-up.
        device: device to train on; by default the GPU, if there is one.
        cfg_options: options of the config to override, by dotted name.
        against: further options of the variant; None for no variant.
        against_released: folder with a checkout of the method's released code, whose step is then
            measured too.

    Returns:
        the steps ``config`` and, if there are any, ``variant`` and ``released``, with ``seconds``
        and ``memory`` in GiB.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config is not of a pre-training, or an option would be ignored, or the
            folder has no released code of the method.
    """
    device = torch.device(device or get_device())
    variants = {'config': {}, 'variant': against} if against else {'config': {}}
    timed: dict[str, TimedStep] = {}
    for name, options in variants.items():
        cfg = read_variant(config, {**(cfg_options or {}), **options})
        timed[name] = Step(cfg, batch_size, device)
    if against_released:
        cfg = read_variant(config, cfg_options)
        timed['released'] = ReleasedStep(against_released, cfg, batch_size, device)
    for turn in range(steps + 1):
        # The first one allocates memory that the other has released, so the order alternates.
        for step in list(timed.values())[:: 1 if turn % 2 else -1]:
            step()
    return timed


def read_variant(config: str | Path, options: dict[str, Any] | None) -> Config:
    """Read the config of a pre-training and merge options into it.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config is not of a pre-training, or an option would be ignored.
    """
    cfg = read_config(config)
    if cfg.get('val_dataloader'):
        raise ValueError(f'{config} is not a pre-training config; use one from configs/<method>/.')
    merge_options(cfg, options)
    return cfg
