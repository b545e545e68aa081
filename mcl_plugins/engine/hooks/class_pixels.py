"""A hook that names the classes of which a segmentor has seen no pixel in its first epoch."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...datasets.checked_images import parts_of
from ...datasets.classes import join_names
from ...registry import HOOKS
from ..batches import images_per_process


@HOOKS.register_module()
class ClassPixelsHook(Hook):
    """Note which classes the label maps of the batches have, and name those that none has.

    The look at a sample of label maps before the training cannot tell whether a class that they
    lack is in the others. What counts here is what the model is trained on, after crops and ignored
    pixels. The report comes when as many images as the data set has were trained on, or at the end
    of a shorter training. All processes look at their own images; they exchange what they saw once.

    The package's Runner adds this hook. It does nothing unless the batches have label maps.
    """

    def __init__(self) -> None:
        self._seen: torch.Tensor | None = None  # (C,), whether a class had a pixel; None: stopped
        self._images = 0  # that were trained on, in all processes
        self._left = 0  # iterations until the report

    def before_train(self, runner: Runner) -> None:
        """Begin to look, if the data set has classes of pixels."""
        self._seen, self._images, self._left = None, 0, 0
        loader = runner.train_dataloader
        classes = (getattr(loader.dataset, 'metainfo', None) or {}).get('classes')
        parts = parts_of(loader.dataset)
        if classes and all(hasattr(part, 'reduce_zero_label') for part in parts):
            self._seen = torch.zeros(len(classes), dtype=torch.bool)
            images = runner.world_size * images_per_process(loader)
            self._left = math.ceil(len(loader.dataset) / images)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Look at the label maps of a batch, which is still on the CPU."""
        if self._seen is None:
            return
        samples = data_batch['data_samples']
        if not self._seen.all():
            for sample in samples:
                labels = sample.gt_sem_seg.data.flatten()
                counts = labels.bincount(minlength=len(self._seen))[: len(self._seen)]
                self._seen |= counts > 0
        self._images += len(samples) * runner.world_size

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Report after the last iteration of the first epoch."""
        self._left -= 1
        if self._left == 0:
            self._report(runner)

    def after_train(self, runner: Runner) -> None:
        """Report after a training that is shorter than an epoch."""
        self._report(runner)

    def _report(self, runner: Runner) -> None:
        if self._seen is None:
            return
        seen = self._seen.long()
        all_reduce(seen, 'max')
        self._seen = None
        names = runner.train_dataloader.dataset.metainfo['classes']
        missing = [name for name, found in zip(names, seen.tolist(), strict=True) if not found]
        if missing:
            print_log(
                f'None of the first {self._images} images that were trained on has a pixel of '
                f'{len(missing)} of the {len(names)} classes: {join_names(missing)}. The model '
                'does not learn them; are the values of the label maps the numbers of the classes?',
                'current',
                logging.WARNING,
            )
