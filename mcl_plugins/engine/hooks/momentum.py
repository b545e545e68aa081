"""The hook that updated the EMA before models updated it themselves."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log

from ...registry import HOOKS


@HOOKS.register_module()
class MomentumHook(Hook):
    """Log a warning that this hook is no longer needed; it does nothing else.

    The name stays registered for configs that were written before version 0.2. Models now update
    their EMA in ``train_step`` after each optimizer step, in any Runner.
    """

    def before_train(self, *args: Any, **kwargs: Any) -> None:
        """Tell the user to remove the hook from the config."""
        print_log(
            'MomentumHook is no longer needed: models update their EMA themselves. Remove it from '
            'default_hooks or custom_hooks of the config.',
            logger='current',
            level=logging.WARNING,
        )
