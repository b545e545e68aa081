"""The part of the Runner that builds learning-rate schedules and scales the rate."""

from __future__ import annotations

from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, Runner

from .batches import images_per_process
from .warm_up import describe_short_training
from .wrappers import wrappers_of


class SchedulesRunner(Runner):
    """MMEngine's Runner with readable errors and rates for the effective batch."""

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedulers of learning rate and momentum.

        Raises a readable error when the training ends before its warm-up, and when a schedule
        stated as a fraction of an epoch rounds to zero iterations.

        Raises:
            ValueError: a schedule has no iteration.
        """
        by_epoch = isinstance(self.train_loop, EpochBasedTrainLoop)
        length = (self.max_epochs, None) if by_epoch else (None, self.max_iters)
        short = describe_short_training(scheduler, *length)
        try:
            built = super().build_param_scheduler(scheduler)
            if short:  # MMEngine takes it where the later schedule states its end
                self.logger.warning(short)
            return built
        except ValueError as error:
            if short:
                raise ValueError(short) from error
            raise ValueError(
                f'param_scheduler: {error}. If a schedule begins or ends within an epoch, the data '
                'set may be too small for it. Set its begin and end to whole epochs, for example '
                'param_scheduler.0.end=1 and param_scheduler.1.begin=1.'
            ) from error

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Multiply the learning rate by effective batch size / ``base_batch_size``.

        The effective batch size is processes x batch size x gradient accumulation. MMEngine ignores
        gradient accumulation.
        """
        if not auto_scale_lr or not auto_scale_lr.get('enable', False):
            return
        for part in wrappers_of(optim_wrapper):
            self._scale_rate(part, auto_scale_lr['base_batch_size'])

    def _scale_rate(self, optim_wrapper: OptimWrapper, base: int) -> None:
        batch = images_per_process(self._train_dataloader)
        accumulation = optim_wrapper._accumulative_counts
        effective = self.world_size * batch * accumulation
        # The wrapper has one more group than the optimizer; the log shows it as base_lr.
        for group in optim_wrapper.param_groups:
            group['lr'] *= effective / base
        rate = optim_wrapper.optimizer.defaults['lr'] * effective / base
        self.logger.info(
            f'Effective batch {effective} = {self.world_size} processes x {batch} images x '
            f'{accumulation} accumulated; peak learning rate {rate:.3g} '
            f'({effective / base:.3g} times the learning rate stated for a batch of {base}).'
        )
