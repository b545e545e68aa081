"""What is known of a training before its first step, from its parts."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from random import Random
from typing import Any

from mmengine.runner import Runner
from mmpretrain.models.selfsup import BaseSelfSupervisor

from ...algorithms.base import PretrainingMethod
from ...datasets.checked_images import parts_of
from ...heads.negatives import contrastive_heads, count_negatives
from ...heads.patch_contrast import PatchContrastHead
from ...heads.queue_contrast import QueueInfoNCEHead
from ...targets import EMA
from ..batches import images_per_process
from ..identity import loads_weights
from .chart import Facts
from .reference import Reference, find_reference
from .signs import share_of_copies

_FILES = 1000  # of which copies are looked for


def gather_facts(runner: Runner, model: Any) -> Facts:
    """Return what is known of a training before its first step.

    Args:
        runner: of the training.
        model: its model, without a distributed wrapper.
    """
    images = images_per_process(runner.train_dataloader)
    heads = list(contrastive_heads(model))
    negatives = count_negatives(model, images, runner.world_size)
    ema, wrapper = getattr(model, 'ema', None), runner.optim_wrapper
    schedule = ema.schedule if isinstance(ema, EMA) else None
    clip = getattr(wrapper, 'clip_grad_kwargs', None) or {}
    return Facts(
        steps=runner.max_iters,
        start=runner.iter,
        # A Runner that was given its parts has no config of them.
        loaded=loads_weights(runner.cfg) or bool(runner._load_from and not runner._resume),
        warm_up=_warm_up(runner),
        updates=runner.max_iters // getattr(wrapper, '_accumulative_counts', 1),
        momentum=(schedule.start, schedule.end) if schedule else None,
        temperatures={
            name: head.temperature for name, _, head in heads if hasattr(head, 'temperature')
        },
        negatives=negatives,
        max_norm=clip.get('max_norm'),
        copies=_share_of_copies(model, runner.train_dataloader.dataset),
        compares_images=any(_compares_images(head) for _, _, head in heads),
        reference=reference_of(model, runner.max_iters),
    )


def reference_of(model: Any, steps: int) -> Reference | None:
    """Return the pocket benchmark's run of a method, if it is no longer than this training."""
    if not isinstance(model, PretrainingMethod):
        return None
    found = find_reference(type(model).__name__, type(model.backbone).__name__)
    return found if found is not None and found.steps <= steps else None


def _warm_up(runner: Runner) -> int:
    """Return the iterations in which the learning rate rises."""
    schedulers = runner.param_schedulers
    ends = [0]
    for scheduler in schedulers if isinstance(schedulers, list) else []:
        factor = getattr(scheduler, 'start_factor', 1.0)
        if factor < getattr(scheduler, 'end_factor', 1.0):
            length = len(runner.train_dataloader) if scheduler.by_epoch else 1
            ends.append(int(scheduler.end * length))
    return max(ends)


def _compares_images(head: Any) -> bool:
    """Whether a query of a contrastive head has other images, or parts of them, as negatives."""
    if isinstance(head, PatchContrastHead):
        return head.negatives == 'batch'
    return isinstance(head, QueueInfoNCEHead) or getattr(head, 'compares_images', False)


def _share_of_copies(model: Any, dataset: Any) -> float:
    """Estimate the share of images that are copies; 0 for a data set without files.

    It is 0 for a training with labels, too: files may be there several times on purpose, to balance
    the classes.
    """
    if not isinstance(model, BaseSelfSupervisor):
        return 0.0
    listed, total = _sample_files(dataset)
    try:
        return share_of_copies(listed, total) if listed else 0.0
    except OSError:  # what cannot be read is found when it is loaded
        return 0.0


def _sample_files(dataset: Any) -> tuple[list[str], int]:
    """Return a random sample of the files of a data set, and about how many it lists in all.

    Copies are often beside their original, so that evenly spaced files would have none. The sample
    is the same in each training.
    """
    parts = [
        part
        for part in parts_of(dataset)
        if hasattr(part, 'get_data_info') and hasattr(part, '__len__')
    ]
    ends = list(accumulate(map(len, parts)))
    total = ends[-1] if ends else 0
    records = []
    for index in sorted(Random(0).sample(range(total), min(total, _FILES))):
        place = bisect_right(ends, index)
        records.append(parts[place].get_data_info(index - ends[place] + len(parts[place])))
    paths = [record['img_path'] for record in records if 'img_path' in record]
    return paths, round(total * len(paths) / max(1, len(records)))
