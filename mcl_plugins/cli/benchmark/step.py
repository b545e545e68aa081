"""Time of a training step of a config, and against a variant of it in the same run.

    python tools/benchmark/step.py configs/conmim/vit-b.py --batch-size 64
    python tools/benchmark/step.py configs/conmim/vit-b.py --batch-size 2 \
        --against model.backbone.type=mcl_plugins.MMPretrainBEiT
    python tools/benchmark/step.py configs/ccmim/vit-b.py --batch-size 2 \
        --against model.type=mcl_plugins.CcMIMWithMaps
    python tools/benchmark/step.py configs/mimco/vit-b.py --batch-size 8 \
        --against model.patch_contrast.head.type=mcl_plugins.QueueInfoNCEWithLogits

A step is what training does with a batch of uint8 images on the device: preprocessing, forward,
backward, optimizer, teacher. Both variants take turns step by step, so that they meet the same
machine; medians and their ratio are printed, and on a GPU the peak memory.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from ...algorithms import PretrainingMethod
from ...targets.frozen_teacher import FrozenTeacher
from ..arguments import at_least
from ..common import read_config
from ..options import Options, merge_options


class Step:
    """A model with its optimizer, and a batch of random images for it."""

    def __init__(self, config: Config, batch_size: int, device: torch.device) -> None:
        with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpretrain')):
            self.model = MODELS.build(
                {**config.model, 'data_preprocessor': config.data_preprocessor}
            )
            for module in self.model.modules():
                if isinstance(module, FrozenTeacher):
                    module.is_init = True  # any weights will do
            self.model.init_weights()
            self.model.to(device).train()
            self.wrapper = build_optim_wrapper(self.model, config.optim_wrapper)
        side = config.model.backbone.img_size
        self.batch = dict(
            inputs=torch.randint(
                256, (batch_size, 3, side, side), dtype=torch.uint8, device=device
            ),
            data_samples=None,
        )
        self.images = batch_size
        self.device = device
        self.seconds: list[float] = []
        self.memory = 0.0

    def __call__(self) -> None:
        """Take a step and note its time and peak memory."""
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        start = self._now()
        if isinstance(self.model, PretrainingMethod):
            self.model.set_progress(0, 1000)
        self.model.train_step(self.batch, self.wrapper)
        self.seconds.append(self._now() - start)
        if self.device.type == 'cuda':
            self.memory = max(self.memory, torch.cuda.max_memory_allocated() / 2**30)

    def _now(self) -> float:
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
        return time.perf_counter()

    def report(self, name: str) -> float:
        """Print and return the median of the steps after the first, which warms up."""
        median = statistics.median(self.seconds[1:])
        images = self.images / median
        memory = f'{self.memory:8.1f} GiB' if self.memory else ''
        print(f'{name:10}{1000 * median:12.1f} ms{images:12.1f} images/s{memory}')
        return median


def main() -> None:
    """Time the steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='pre-training config')
    parser.add_argument('--batch-size', type=at_least(1), default=64)
    parser.add_argument('--steps', type=at_least(1), default=10)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--cfg-options', nargs='+', action=Options, default={})
    parser.add_argument(
        '--against', nargs='+', action=Options, help='options of the variant to compare with'
    )
    args = parser.parse_args()
    MMLogger.get_instance('benchmark', log_level='ERROR')
    variants = {'config': {}, 'variant': args.against} if args.against else {'config': {}}
    steps = {}
    for name, options in variants.items():
        config = read_config(args.config)
        if config.get('val_dataloader'):
            raise ValueError(f'{args.config} is no pre-training; see configs/<method>/.')
        merge_options(config, {**args.cfg_options, **options})
        steps[name] = Step(config, args.batch_size, torch.device(args.device))
    for turn in range(args.steps + 1):
        # Who goes first pays for memory that the other has given back: they take turns in that.
        for step in list(steps.values())[:: 1 if turn % 2 else -1]:
            step()
    medians = [step.report(name) for name, step in steps.items()]
    if args.against:
        pairs = zip(*(step.seconds[1:] for step in steps.values()), strict=True)
        ratios = sorted(variant / own for own, variant in pairs)
        print(
            f'variant / config: {medians[1] / medians[0]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})'
        )
