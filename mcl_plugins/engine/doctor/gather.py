"""What is known of a training before its first step, from its parts."""

from __future__ import annotations

from typing import Any

from mmengine.runner import Runner

from ...algorithms.base import PretrainingMethod
from ...datasets.checked_images import parts_of
from ...heads.moco_v3 import MoCoV3Head
from ...heads.negatives import contrastive_heads, count_negatives
from ...targets import EMA
from ...utils.sampling import spaced_indices
from ..batches import images_per_process
from .chart import Facts
from .reference import Reference, find_reference
from .signs import lowest_loss, share_of_copies

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
    chances = {}
    for name, _, head in heads:
        if isinstance(head, MoCoV3Head):  # whose loss, of both directions, has no monitors
            guess = lowest_loss(float('inf'), negatives[name])
            chances['loss'] = 2 * head.loss_module.loss_weight * guess
    ema, wrapper = getattr(model, 'ema', None), runner.optim_wrapper
    schedule = ema.schedule if isinstance(ema, EMA) else None
    clip = getattr(wrapper, 'clip_grad_kwargs', None) or {}
    return Facts(
        steps=runner.max_iters,
        warm_up=_warm_up(runner),
        updates=runner.max_iters // getattr(wrapper, '_accumulative_counts', 1),
        momentum=(schedule.start, schedule.end) if schedule else None,
        temperatures={
            name: head.temperature for name, _, head in heads if hasattr(head, 'temperature')
        },
        negatives=negatives,
        max_norm=clip.get('max_norm'),
        chances=chances,
        copies=_share_of_copies(runner.train_dataloader.dataset),
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


def _share_of_copies(dataset: Any) -> float:
    """Estimate the share of images that are copies; 0 for a data set without files."""
    paths: list[str] = []
    total = 0
    for part in parts_of(dataset):
        if not (hasattr(part, 'get_data_info') and hasattr(part, '__len__')):
            continue
        total += len(part)
        found = [part.get_data_info(index) for index in spaced_indices(len(part), _FILES)]
        paths += [record['img_path'] for record in found if 'img_path' in record]
    try:
        return share_of_copies(paths, total)
    except OSError:  # what cannot be read is found when it is loaded
        return 0.0
