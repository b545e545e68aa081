"""MMEngine's notes of each step, without waiting for the device."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import RuntimeInfoHook as _RuntimeInfoHook
from mmengine.runner import Runner

from ...registry import HOOKS
from ..scalars import note_scalar


@HOOKS.register_module()
class RuntimeInfoHook(_RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook``, which fetches losses from the device when they are logged.

    The package's Runner uses it if a config names none, or MMEngine's.

    Example:
        >>> RuntimeInfoHook().priority
        'VERY_HIGH'
    """

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Note the losses of the step."""
        for key, value in (outputs or {}).items():
            note_scalar(runner.message_hub, f'train/{key}', value)
