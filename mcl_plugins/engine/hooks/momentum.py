"""Moves the EMA teacher after each optimizer step."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from .unwrap import unwrapped_model


@HOOKS.register_module()
class MomentumHook(Hook):
    """Call the model's ``update_teacher(step, total)`` after each optimizer step, if it has one.

    The step counts iterations; with gradient accumulation the teacher moves when the student
    does.
    """

    priority = 'NORMAL'

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Update the teacher if this iteration updated the student."""
        model = unwrapped_model(runner)
        if hasattr(model, 'update_teacher') and runner.optim_wrapper.should_update():
            model.update_teacher(runner.iter, runner.max_iters)
