"""A classifier's head against the classes of its data."""

from __future__ import annotations

from typing import Any

from mmengine.runner import Runner
from mmpretrain.engine import ClassNumCheckHook as _ClassNumCheckHook

from ..registry import HOOKS
from .unwrap import unwrapped_model


@HOOKS.register_module()
class ClassNumCheckHook(_ClassNumCheckHook):
    """mmpretrain's hook, with an error that says what to set.

    A label that the head has no output for would otherwise stop the first batch that has one, on a
    GPU with a message from the kernel.
    """

    def _check_head(self, runner: Runner, dataset: Any) -> None:
        """Compare the head with a data set, before it is used.

        Raises:
            ValueError: they have different numbers of classes.
        """
        outputs = unwrapped_model(runner).head.num_classes
        classes = len(dataset.CLASSES)
        if outputs != classes:
            raise ValueError(
                f'{type(dataset).__name__} has {classes} classes, the head {outputs} outputs: set '
                f'model.head.num_classes and data_preprocessor.num_classes to {classes}.'
            )
