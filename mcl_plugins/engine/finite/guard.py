"""Let no optimizer take a step whose loss, gradient or buffers are not finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor
from torch.optim import Optimizer

from ...utils.sharded import local_part
from .fused import fuse
from .passes import Pass, Recorder
from .verdict import BUFFER, OVERFLOW, judge

# After so many overflows in a row the scale of a gradient scaler is below 1: it is no longer the
# scale that is too large.
MOST_OVERFLOWS = 20


@dataclass
class Step:
    """A step of an optimizer: the passes that it sums up, and its verdict (see :func:`judge`)."""

    passes: list[Pass]
    verdict: Tensor
    ready: Any = None  # a CUDA event after which the verdict has arrived

    @property
    def iteration(self) -> int:
        """The iteration that ends with the step, counted from 1."""
        return self.passes[-1].iteration if self.passes else 0


class StepGuard:
    """Judge each step of an optimizer wrapper before it is taken; a bad one changes nothing.

    On a CPU the verdict is read at once. A bad step is skipped by taking the gradients away, so
    that weights, moments and counters stay as they are, and the buffers that the forward pass
    changed are restored. On a CUDA device the fused optimizer reads the verdict there and skips
    the step itself; the host reads it before the next step, when it has long arrived. Optimizers
    that are not fused (SGD, LARS) wait for the verdict once a step.

    All processes get the same verdict, so that they do the same.

    Args:
        wrapper: the optimizer wrapper.
        recorder: the passes of the model.
        on_bad: called on every process with each bad step. It raises an error, or returns to skip
            the step.

    Attributes:
        overflows: how many steps in a row a gradient scaler has skipped.
    """

    def __init__(
        self, wrapper: OptimWrapper, recorder: Recorder, on_bad: Callable[[Step], None]
    ) -> None:
        self.overflows = 0
        self._wrapper, self._recorder, self._on_bad = wrapper, recorder, on_bad
        self._optimizer: Optimizer = wrapper.optimizer
        self._scaled = isinstance(wrapper, AmpOptimWrapper)
        self._deferred = fuse(self._optimizer)
        self._pending: Step | None = None
        self._handle = self._optimizer.register_step_pre_hook(self._before_step)

    def close(self) -> None:
        """Judge no further steps."""
        self._handle.remove()

    def settle(self) -> None:
        """Read the verdict of the step before, which a device has skipped if it was bad."""
        step, self._pending = self._pending, None
        if step is None:
            return
        if step.ready is not None:
            step.ready.synchronize()
        self._decide(step)

    def after_update(self) -> None:
        """Judge the step that a gradient scaler has not taken; called after each iteration."""
        due = self._scaled and self._wrapper.should_update()
        if due and self._recorder.passes and not self._recorder.stepped:
            self._recorder.stepped = True
            verdict = self._judge([])
            verdict[:, OVERFLOW] = 1
            step = Step(self._recorder.passes, verdict)
            if self._decide(step):
                self._recorder.restore(step.passes)

    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict[str, Any]) -> None:
        self.settle()
        self._recorder.stepped = True
        parameters = [p for group in optimizer.param_groups for p in group['params']]
        gradients = [local_part(p.grad) for p in parameters if p.grad is not None]
        step = Step(self._recorder.passes, self._judge(gradients))
        if self._deferred:
            self._skip_on_device(step)
            return
        if not self._scaled:  # what is left of a step that was skipped
            vars(optimizer).pop('found_inf', None)
        if self._decide(step):
            self._recorder.restore(step.passes)
            for parameter in parameters:
                parameter.grad = None
            # The EMA, which moves after each step, reads it.
            optimizer.found_inf = torch.ones(())  # type: ignore[attr-defined]

    def _judge(self, gradients: list[Tensor]) -> Tensor:
        losses = [part.loss for part in self._recorder.passes if part.loss is not None]
        device = self._optimizer.param_groups[0]['params'][0].device
        buffers = self._recorder.checked_buffers()
        return judge(losses, gradients, buffers, device, self._scaled)

    def _skip_on_device(self, step: Step) -> None:
        """Tell the device to skip the step if it is bad, and send the verdict to the host."""
        verdict = step.verdict
        bad = verdict[:, : BUFFER + 1].amax()
        scaler = getattr(self._optimizer, 'found_inf', None) if self._scaled else None
        found = bad if scaler is None else torch.maximum(bad, scaler.to(bad))
        self._optimizer.found_inf = found  # type: ignore[attr-defined]
        self._recorder.restore(step.passes, where=bad.bool())
        step.verdict = verdict.to('cpu', non_blocking=True)
        if verdict.is_cuda:
            step.ready = torch.cuda.Event()
            step.ready.record()
        self._pending = step

    def _decide(self, step: Step) -> bool:
        """Read a verdict; returns whether the step is bad and is skipped."""
        step.verdict = step.verdict.cpu()
        bad = bool(step.verdict[:, : BUFFER + 1].any())
        overflow = bool(step.verdict[:, OVERFLOW].any())
        self.overflows = self.overflows + 1 if overflow and not bad else 0
        if bad or self.overflows >= MOST_OVERFLOWS:
            self._on_bad(step)
        return bad
