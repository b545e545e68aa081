"""Access to the model inside a distributed wrapper."""

from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


def unwrapped_model(runner: Runner) -> Any:
    """Return the runner's model without its distributed wrapper (DDP), if it has one."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
