"""The hook that moved the EMA before the models did so themselves."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log

from ...registry import HOOKS


@HOOKS.register_module()
class MomentumHook(Hook):
    """Say that it is no longer needed; it does nothing else.

    The name stays registered for configs that were written before version 0.2. A model's EMA now
    moves with the optimizer's steps by itself, in any Runner.
    """

    def before_train(self, *args: Any, **kwargs: Any) -> None:
        """Tell the user to take the hook out of the config."""
        print_log(
            'MomentumHook is no longer needed: models move their EMA themselves. Remove it from '
            'default_hooks or custom_hooks of the config.',
            logger='current',
            level=logging.WARNING,
        )
