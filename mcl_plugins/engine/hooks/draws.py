"""A hook that derives all random draws of a training from its seed and its progress."""

from __future__ import annotations

import logging
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...algorithms.base import PretrainingMethod
from ...registry import HOOKS
from ..draws import carry_draws, seed_generators
from ..unwrap import unwrapped_model


@HOOKS.register_module()
class DrawsHook(Hook):
    """Seed what is drawn for a sample and in a step, so that a resumed training draws the same.

    The draws of a sample follow from the seed of the training, the epoch and the sample; those of a
    step (masks, augmentation on the device, drop path) from the seed, the process and the
    iteration. Neither depends on where the training was stopped, on the number or the life of the
    workers, or on what was drawn for a validation, which has draws of its own that are the same
    when it is repeated. With ``randomness.diff_rank_seed=False`` all processes draw the same in a
    step.

    The package's Runner adds the hook if a config does not list it.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._seed: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Prepare the training loader, with the seed of the checkpoint if there is one."""
        self._seed = training_seed(runner)
        _warn_of_equal_draws(runner)
        draws = carry_draws(runner.train_dataloader, self._seed)
        sampler: Any = getattr(draws, 'sampler', None)
        if isinstance(getattr(sampler, 'seed', None), int):
            sampler.seed = self._seed

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the generators of the host and of the device; the host waits for nothing."""
        assert self._seed is not None
        seed_step(self._seed, _rank(runner), runner.iter)

    def before_val_epoch(self, runner: Runner) -> None:
        """Seed what a validation during training draws, such as random crops."""
        if self._seed is None:
            return
        draws = carry_draws(runner.val_dataloader, self._seed)
        if draws is not None:
            draws.epoch = runner.iter
        seed_step(self._seed, _rank(runner), runner.iter, 'validation')

    def after_train(self, runner: Runner) -> None:
        """Leave what follows a training alone."""
        self._seed = None


def _rank(runner: Runner) -> int:
    """Return the number that tells the draws of this process from those of others."""
    return get_rank() if runner._randomness_cfg.get('diff_rank_seed', False) else 0


def _warn_of_equal_draws(runner: Runner) -> None:
    """Warn of a pre-training whose processes draw the same masks, MMEngine's default."""
    equal = get_world_size() > 1 and not runner._randomness_cfg.get('diff_rank_seed', False)
    if equal and isinstance(unwrapped_model(runner), PretrainingMethod):
        print_log(
            f'All {get_world_size()} processes draw the same masks and augmentations in a step: '
            'set randomness=dict(diff_rank_seed=True), as in the configs of this package.',
            'current',
            logging.WARNING,
        )


def training_seed(runner: Runner) -> int:
    """Return the seed of a training, which is the same in all processes."""
    own = runner._randomness_cfg.get('diff_rank_seed', False)  # each process adds its rank
    return runner.seed - get_rank() if own else runner.seed


def seed_step(seed: int, rank: int, step: int, part: str = 'step') -> None:
    """Seed all generators of this process for a step.

    Args:
        seed: of the training.
        rank: of the process.
        step: number of the iteration, from 0.
        part: for what is drawn: each part of a step has draws of its own.

    Example:
        >>> seed_step(0, rank=0, step=7)
        >>> first = torch.rand(1)
        >>> seed_step(0, rank=0, step=7)
        >>> torch.equal(first, torch.rand(1))
        True
    """
    seed_generators(seed, part, rank, step)
    device = get_device()
    if device != 'cpu':
        getattr(torch, device).manual_seed(torch.initial_seed())
