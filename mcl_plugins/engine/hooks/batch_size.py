"""A hook that resumes a training with the batch size that it began with."""

from __future__ import annotations

from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ..batches import images_per_process
from ..wrappers import is_single
from .schedule import is_finished


@HOOKS.register_module()
class BatchSizeHook(Hook):
    """Store the batch size in each checkpoint, and refuse to resume with another one.

    An iteration is then as many images as before, so that epochs, schedules and the learning rate
    stay what they were. Processes and images per process may change against each other; what the
    processes compute on their own images then changes, and the log says so.

    The package's Runner adds the hook if a config does not list it.

    Raises:
        ValueError: a checkpoint is resumed with another number of images per iteration, or with
            another number of accumulated iterations.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the batch size to the checkpoint's ``meta``."""
        checkpoint['meta']['batch'] = describe_batch(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the batch sizes, unless nothing is left to train; other software has none."""
        meta = checkpoint.get('meta') or {}
        saved = meta.get('batch')
        if not runner._resume or not isinstance(saved, dict):
            return
        if {'epoch', 'iter'} <= meta.keys() and is_finished(meta, runner.train_loop):
            return
        present = describe_batch(runner)
        if not saved.keys() <= present.keys() or saved == present:
            return
        if _effective(saved) != _effective(present):
            raise ValueError(
                f'The training to be resumed has batches of {_say(saved)}, but this start has '
                f'{_say(present)}: epochs, schedule and learning rate would not be what they were. '
                'Set train_dataloader.batch_size and optim_wrapper.accumulative_counts, or the '
                'number of processes, so that the product of the first two and the last number '
                'stay the same.'
            )
        runner.logger.warning(
            f'Resumed with batches of {_say(present)} instead of {_say(saved)}. The images of an '
            'iteration are as many as before. BatchNorm without synchronisation, negatives from '
            'the own process only, and the masks of a process are not the same as they would be.'
        )


def describe_batch(runner: Runner) -> dict[str, int]:
    """Return the numbers whose product is the effective batch size."""
    wrapper: Any = runner.optim_wrapper
    counts = wrapper._accumulative_counts if is_single(wrapper) else 1
    return {
        'processes': get_world_size(),
        'images': images_per_process(runner.train_dataloader),
        'accumulated': counts,
    }


def _effective(batch: dict[str, int]) -> tuple[int, int]:
    return batch['processes'] * batch['images'], batch['accumulated']


def _say(batch: dict[str, int]) -> str:
    return (
        f'{batch["processes"]} processes x {batch["images"]} images x {batch["accumulated"]} '
        'accumulated'
    )
