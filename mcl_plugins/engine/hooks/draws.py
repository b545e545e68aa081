"""A hook that derives all random draws of a training from its seed and its progress."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ..draws import carry_draws, seed_generators


@HOOKS.register_module()
class DrawsHook(Hook):
    """Seed what is drawn for a sample and in a step, so that a resumed training draws the same.

    The draws of a sample follow from the seed of the training, the epoch and the sample; those of a
    step (masks, augmentation on the device, drop path) from the seed, the process and the
    iteration. Neither depends on where the training was stopped, on the number or the life of the
    workers, or on what was drawn for a validation. With ``randomness.diff_rank_seed=False`` all
    processes draw the same in a step.

    The package's Runner adds the hook if a config does not list it.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Prepare the training loader, with the seed of the checkpoint if there is one."""
        self._seed = training_seed(runner)
        draws = carry_draws(runner.train_dataloader, self._seed)
        sampler: Any = getattr(draws, 'sampler', None)
        if isinstance(getattr(sampler, 'seed', None), int):
            sampler.seed = self._seed

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the generators of the host and of the device; the host waits for nothing."""
        different = runner._randomness_cfg.get('diff_rank_seed', False)
        seed_step(self._seed, get_rank() if different else 0, runner.iter)


def training_seed(runner: Runner) -> int:
    """Return the seed of a training, which is the same in all processes."""
    own = runner._randomness_cfg.get('diff_rank_seed', False)  # each process adds its rank
    return runner.seed - get_rank() if own else runner.seed


def seed_step(seed: int, rank: int, step: int) -> None:
    """Seed all generators of this process for a step.

    Args:
        seed: of the training.
        rank: of the process.
        step: number of the iteration, from 0.

    Example:
        >>> seed_step(0, rank=0, step=7)
        >>> first = torch.rand(1)
        >>> seed_step(0, rank=0, step=7)
        >>> torch.equal(first, torch.rand(1))
        True
    """
    seed_generators(seed, 'step', rank, step)
    device = get_device()
    if device != 'cpu':
        getattr(torch, device).manual_seed(torch.initial_seed())
