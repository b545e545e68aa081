"""What a training amounts to: batch, learning rate, negatives, hours and files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...checkpoint.latest import checkpoint_folder
from ...engine.checkpoints import out_dir_of
from ...engine.hooks.schedule import get_lr_scaling
from ...engine.kept_checkpoints import KeptCheckpointsHook
from ...engine.unwrap import unwrapped_model
from ...heads.negatives import count_negatives
from ..findings import Finding
from .steps import Cost

GIB = 2**30


@dataclass(frozen=True)
class Batch:
    """The images of an optimizer step and the learning rate that follows from them.

    Attributes:
        processes: number of processes.
        images: of a process in an iteration.
        accumulated: iterations of a step.
        rate: learning rate of the config.
        base: images that it is for; None if it is not scaled.
    """

    processes: int
    images: int
    accumulated: int
    rate: float
    base: int | None

    @property
    def effective(self) -> int:
        """Images of a step of the optimizer."""
        return self.processes * self.images * self.accumulated

    def rate_for(self, images: int) -> float:
        """Return the learning rate for steps of so many images."""
        return self.rate * images / self.base if self.base else self.rate

    def __str__(self) -> str:
        """Return the sentence of the plan."""
        accumulated = f' x {self.accumulated} accumulated' if self.accumulated > 1 else ''
        scaled = f' ({self.rate:g} for {self.base})' if self.base else ' (not scaled)'
        return (
            f'effective batch {self.effective} = {self.processes} '
            f'process{"es" * (self.processes > 1)} x {self.images} images{accumulated}; '
            f'learning rate {self.rate_for(self.effective):.3g}{scaled}'
        )


def read_batch(runner: Runner, images: int) -> Batch:
    """Return the batch of a training whose Runner has been built."""
    scaling, wrapper = get_lr_scaling(runner), runner.optim_wrapper
    return Batch(
        runner.world_size,
        images,
        wrapper._accumulative_counts,
        float(wrapper.optimizer.defaults['lr']),
        scaling.get('base_batch_size') if scaling.get('enable') else None,
    )


def compare_batch(batch: Batch, filename: str | None) -> Finding:
    """Compare the batch with that of the paper, which the metafile beside a config states.

    Args:
        batch: of the training.
        filename: of the config; None if it has none.
    """
    paper = papers_batch(Path(filename)) if filename else None
    if paper is None:
        return Finding('ok', 'batch', f'{batch}.')
    if paper == batch.effective:
        return Finding('ok', 'batch', f"{batch}, as the paper's.")
    text = f"{batch}; the paper's batch is {paper}, with {batch.rate_for(paper):.3g}."
    wanted = paper / (batch.processes * batch.images)
    if wanted < 1 or wanted != int(wanted):
        remedy = f'{paper // batch.images or 1} processes have the batch of the paper'
    else:
        remedy = (
            f'optim_wrapper.accumulative_counts={int(wanted)} gives the same learning rate; '
            'negatives and BatchNorm still see one batch'
        )
    return Finding('note', 'batch', text, remedy)


def papers_batch(config: Path) -> int | None:
    """Return the batch size that the metafile of a config's folder states for it."""
    for folder in config.resolve().parents[:3]:
        file = folder / 'metafile.yml'
        if not file.is_file():
            continue
        models = yaml.safe_load(file.read_text(encoding='utf-8')).get('Models') or []
        for model in models:
            if config.resolve().as_posix().endswith(model['Config']):
                return model['Metadata'].get('Batch Size')
    return None


def describe_time(cost: Cost, processes: int, now: datetime | None = None) -> str:
    """Return how long a training takes, and when it ends if it begins now.

    Args:
        cost: of its iterations.
        processes: number of processes.
        now: the time of its begin.

    Example:
        >>> cost = Cost(steps=[9.0, 1.0], waits=[0.0, 0.0], images=64, iterations=36_000)
        >>> describe_time(cost, 8, datetime(2030, 1, 1))
        '36,000 iterations of 1 s: 10 hours, 80 CPU-hours, until 2030-01-01 10:00, without \
validations'
    """
    hours = cost.iterations * cost.step / 3600
    end = (now or datetime.now()) + timedelta(hours=hours)
    kind = 'GPU' if cost.capacity else 'CPU'
    return (
        f'{cost.iterations:,} iterations of {cost.step:.3g} s: {duration(hours)}, '
        f'{processes * hours:.3g} {kind}-hours, until {end:%Y-%m-%d %H:%M}, without validations'
    )


def duration(hours: float) -> str:
    """Return a time in words.

    Example:
        >>> duration(26.5), duration(0.05)
        ('26.5 hours', '3 minutes')
    """
    if hours >= 1:
        text = f'{hours:.3g}'
        return f'{text} hour{"s" * (text != "1")}'
    minutes = max(1, round(60 * hours))
    return f'{minutes} minute{"s" * (minutes > 1)}'


def count_checkpoints(runner: Runner) -> int:
    """Return how many checkpoints of a training are on the disk at the same time, at the most."""
    hook = _checkpoint_hook(runner)
    if hook is None:
        return 0
    steps = _saved_steps(runner, hook)
    # The oldest goes when the newest is complete.
    newest = len(steps) if hook.max_keep_ckpts <= 0 else hook.max_keep_ckpts + 1
    milestones = _count_milestones(runner, hook, steps[:-newest])
    return min(len(steps), newest) + milestones + _count_special(hook)


def count_others(runner: Runner) -> int:
    """Return how many of the checkpoints ``max_keep_ckpts`` does not limit, at the most.

    They are the milestones, the one within an epoch and the best ones.
    """
    hook = _checkpoint_hook(runner)
    if hook is None:
        return 0
    before_last = _saved_steps(runner, hook)[:-1]
    return _count_milestones(runner, hook, before_last) + _count_special(hook)


def _checkpoint_hook(runner: Runner) -> Any:
    return next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)


def _saved_steps(runner: Runner, hook: Any) -> list[int]:
    """Return the epochs or iterations after which a hook saves."""
    loop: Any = runner.train_loop
    epochs = isinstance(loop, EpochBasedTrainLoop)
    length = loop.max_epochs if hook.by_epoch and epochs else loop.max_iters
    first = hook.save_begin or hook.interval
    steps = list(range(first, length + 1, hook.interval)) if hook.interval > 0 else []
    if hook.save_last and length not in steps[-1:]:
        steps.append(length)
    return steps


def _count_milestones(runner: Runner, hook: Any, steps: Sequence[int]) -> int:
    if not isinstance(hook, KeptCheckpointsHook):
        return 0
    return sum(hook.is_milestone(runner, step) for step in steps)


def _count_special(hook: Any) -> int:
    """Count the checkpoint within an epoch, and the best ones, each with the one before it."""
    within = getattr(hook, 'minutes', None) is not None
    return within + 2 * len(getattr(hook, 'key_indicators', None) or [])


def check_disk(config: Config, count: int, size: int, others: int = 1) -> Finding:
    """Compare the checkpoints to come with the space that is free.

    Args:
        config: of the training; its work dir need not exist.
        count: of checkpoints at the same time.
        size: bytes of one.
        others: of the checkpoints, those that ``max_keep_ckpts`` does not limit.
    """
    out_dir = out_dir_of(config)
    if '://' in (out_dir or ''):
        text = f'{out_dir} gets the checkpoints; how much it can take is not known here'
        return Finding('note', 'disk', text)
    folder = checkpoint_folder(config.work_dir, out_dir).absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free, needed = shutil.disk_usage(there).free, count * size
    text = f'{count} checkpoints of {size / GIB:.3g} GiB need {needed / GIB:.3g} GiB'
    if needed > free:
        remedies = ['free some space', 'choose another --work-dir']
        fits = free // size - 1 - others  # one more is there while the newest is written
        if fits > 0:
            remedies.append(f'set default_hooks.checkpoint.max_keep_ckpts={fits}')
        remedy = f'{", ".join(remedies[:-1])} or {remedies[-1]}'
        text = f'{text}, but {there} has {free / GIB:.3g} GiB free.'
        return Finding('fault', 'disk', text, remedy)
    return Finding('ok', 'disk', f'{text}; {there} has {free / GIB:.3g} GiB free.')


def describe_model(runner: Runner, images: int) -> Finding | None:
    """Return the negatives of a method; None for a model without contrastive loss."""
    found = count_negatives(unwrapped_model(runner), images, runner.world_size)
    if not found:
        return None
    counts = ', '.join(f'{number} ({name})' for name, number in found.items())
    return Finding('ok', 'negatives', f'of each query: {counts}')
