"""A hook that lets no step that is not finite into weights, averages and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer

from ...registry import HOOKS
from ..finite.advice import advice
from ..finite.guard import MOST_OVERFLOWS, Step, StepGuard
from ..finite.passes import Recorder
from ..finite.stop import describe, write_black_box
from ..finite.trace import name_broken
from ..unwrap import unwrapped_model
from ..wrappers import wrappers_of


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop before an optimizer takes a step that is not finite, or skip a few such steps.

    The loss, the norm of the gradient and the buffers are looked at before each step, on the
    device; see :class:`~mcl_plugins.engine.finite.guard.StepGuard`. If one of them is infinite or
    not a number on one process, no process takes the step: weights, moments, EMA and buffers stay
    as they are. The training then stops and leaves a black box in its work dir, from which
    ``mcl replay`` repeats the step; or it goes on, as often as ``max_bad_steps`` says. Weights,
    buffers and moments are looked at once more before each checkpoint is written.

    Args:
        max_bad_steps: how many steps of a training are skipped before it stops.
        interval: of earlier configs; every step is checked now.

    Raises:
        ValueError: ``max_bad_steps`` is negative.
        FloatingPointError: a step is not finite, or what a checkpoint would hold is not.

    Example:
        >>> FiniteLossHook(max_bad_steps=3).max_bad_steps
        3
    """

    priority = 'HIGH'

    def __init__(self, max_bad_steps: int = 0, interval: int | None = None) -> None:
        if max_bad_steps < 0:
            raise ValueError(
                f'max_bad_steps={max_bad_steps} must be at least 0, the number of steps that may '
                'be skipped.'
            )
        self.max_bad_steps = max_bad_steps
        self._interval = interval
        self._unchecked: set[str] = set()
        self._recorder: Recorder | None = None
        self._guards: list[StepGuard] = []
        self._last_bad = 0

    def before_run(self, runner: Runner) -> None:
        """Remember which buffers of the new model are infinite or not a number on purpose."""
        buffers = dict(unwrapped_model(runner).named_buffers())
        self._unchecked = set(name_broken(buffers))

    def before_train(self, runner: Runner) -> None:
        """Watch the passes of the model and the steps of its optimizers."""
        if self._interval is not None:
            runner.logger.info(
                'FiniteLossHook: interval is no longer needed, because every step is checked.'
            )
        self._close()
        self._recorder = Recorder(unwrapped_model(runner), lambda: runner.iter + 1, self._unchecked)
        for part in wrappers_of(runner.optim_wrapper):
            if isinstance(getattr(part, 'optimizer', None), Optimizer):
                context = partial(part.optim_context, unwrapped_model(runner))
                on_bad = partial(self._on_bad, runner, context)
                self._guards.append(StepGuard(part, self._recorder, on_bad))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Judge a step that a gradient scaler has skipped."""
        for guard in self._guards:
            guard.after_update()

    def after_train_epoch(self, runner: Runner) -> None:
        """Read the verdict of the last step, on every process, before a checkpoint is written."""
        for guard in self._guards:
            guard.settle()

    def after_train(self, runner: Runner) -> None:
        """Read the verdict of the last step, and say how many steps were skipped."""
        self.after_train_epoch(runner)
        self._close()
        if skipped := runner.message_hub.get_info('bad_steps', 0):
            runner.logger.warning(
                f'{skipped} of {runner.max_iters} steps were skipped because they were not finite.'
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check weights, buffers and the optimizer's moments; rank 0 writes them.

        Raises:
            FloatingPointError: one of them is infinite or not a number.
        """
        broken = [
            name for name in name_broken(checkpoint['state_dict']) if name not in self._unchecked
        ]
        broken += [f'{name} of the optimizer' for name in name_broken(checkpoint.get('optimizer'))]
        if broken:
            more = f' (and {len(broken) - 1} more)' if len(broken) > 1 else ''
            raise FloatingPointError(
                f'{broken[0]}{more} is not finite, although loss and gradient of each step were. '
                f'No checkpoint is written. {advice(runner, 0, self.max_bad_steps, None)}'
            )

    def _on_bad(
        self, runner: Runner, context: Callable[[], AbstractContextManager], step: Step
    ) -> None:
        """Count a bad step or stop the training, on every process alike."""
        if step.iteration == self._last_bad:  # of a second optimizer
            return
        self._last_bad = step.iteration
        reason, hub = describe(step), runner.message_hub
        skipped = hub.get_info('bad_steps', 0)
        overflowed = any(guard.overflows >= MOST_OVERFLOWS for guard in self._guards)
        if skipped < self.max_bad_steps and not overflowed:
            hub.update_info('bad_steps', skipped + 1)
            runner.logger.warning(
                f'{_capital(reason)}. The step is skipped ({skipped + 1} of at most '
                f'{self.max_bad_steps}).'
            )
            return
        assert self._recorder is not None
        box, found = write_black_box(runner, self._recorder, step, reason, context)
        self._close()
        raise FloatingPointError(
            f'{_capital(reason)}. {_capital(found)}. The step was not taken. '
            f'{advice(runner, skipped, self.max_bad_steps, box)}'
        )

    def _close(self) -> None:
        for part in (self._recorder, *self._guards):
            if part is not None:
                part.close()
        self._recorder, self._guards = None, []


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
