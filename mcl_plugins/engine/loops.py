"""Training loops that continue at any iteration with the batch that comes next.

MMEngine starts a resumed epoch anew, with learning rates that are ahead of it, and its loop by
iterations loads all batches of before. It saves a checkpoint before it validates, so that a run
that is killed during a validation, or later, never gets its result: here it is made up for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop as _EpochBasedTrainLoop
from mmengine.runner import IterBasedTrainLoop as _IterBasedTrainLoop
from torch import nn
from torch.utils.data import DataLoader

from ..registry import LOOPS
from .draws import DrawSampler, seed_generators

VALIDATED = 'validated'  # of the message hub: after how many epochs or iterations, last


@LOOPS.register_module()
class EpochBasedTrainLoop(_EpochBasedTrainLoop):
    """MMEngine's ``EpochBasedTrainLoop``, which continues within an epoch; the same arguments."""

    def run(self) -> nn.Module:
        """Train to the last epoch."""
        self.runner.call_hook('before_train')
        validate_if_due(self, self._epoch, self._max_epochs)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            validate_if_due(self, self._epoch, self._max_epochs)
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train the rest of an epoch, which is all of it unless the training was resumed."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        start = self._iter - self._epoch * len(self.dataloader)
        start_at(self.dataloader, self._epoch, start)
        # If the last batch of the epoch was trained, what follows an epoch is still to do.
        if start < len(self.dataloader):
            for index, batch in enumerate(self.dataloader, start):
                self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


@LOOPS.register_module()
class IterBasedTrainLoop(_IterBasedTrainLoop):
    """MMEngine's ``IterBasedTrainLoop``, which loads no batch of before; the same arguments."""

    def run(self) -> nn.Module:
        """Train to the last iteration; the training is one epoch for the hooks, as in MMEngine."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        validate_if_due(self, self._iter, self._max_iters)
        batches = endless(self.dataloader, self._iter)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            validate_if_due(self, self._iter, self._max_iters)
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model


def validate_if_due(loop: Any, done: int, length: int) -> None:
    """Validate if this is the place for it, and the training has not done so before it was stopped.

    Args:
        loop: the training loop.
        done: number of epochs, or of iterations, that are trained.
        length: how many there are.
    """
    runner, hub = loop.runner, loop.runner.message_hub
    if runner.val_loop is None or not done or hub.get_info(VALIDATED, 0) == done:
        return
    loop._decide_current_val_interval()
    if done >= loop.val_begin and (done % loop.val_interval == 0 or done == length):
        runner.val_loop.run()
        hub.update_info(VALIDATED, done)


def endless(loader: DataLoader, trained: int) -> Iterator[Any]:
    """Yield batches, epoch after epoch, without the first ones and without loading them.

    Args:
        loader: the training loader.
        trained: number of batches that are left out.

    Raises:
        ValueError: an epoch has no batch, as with a sampler that can be used only once.
    """
    sampler = getattr(loader.batch_sampler, 'sampler', None)
    # The length of a loader with an endless sampler says nothing. MMEngine's takes an epoch and
    # ignores it; those of the libraries know none.
    ends = not isinstance(sampler, InfiniteSampler) and (
        hasattr(sampler, 'set_epoch') or type(sampler).__module__.startswith('torch.')
    )
    epoch, start = divmod(trained, len(loader)) if ends else (0, trained)
    while True:
        start_at(loader, epoch, start)
        batch: Any = None
        for batch in loader:
            yield batch
        if batch is None and start == 0:
            raise ValueError(f'Epoch {epoch} of the training loader has no batch.')
        epoch, start = epoch + 1, 0


def start_at(loader: DataLoader, epoch: int, start: int) -> None:
    """Let the next iteration over a loader be of an epoch, without its first ``start`` batches."""
    batches: Any = loader.batch_sampler
    sampler: Any = getattr(batches, 'sampler', None)
    if hasattr(sampler, 'set_epoch'):
        sampler.set_epoch(epoch)
    if isinstance(batches, DrawSampler):
        batches.epoch, batches.start = epoch, start
        seed_generators(batches.seed, 'epoch', epoch)  # PyTorch's RandomSampler draws from them
    elif start:
        print_log(
            f'The epoch begins anew and not with its batch {start}: the data set '
            f'{type(loader.dataset).__name__} has no indices by which batches could be left out.',
            logger='current',
            level=logging.WARNING,
        )
