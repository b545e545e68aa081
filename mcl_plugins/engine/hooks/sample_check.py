"""A hook that lets data sets look at a sample of their files before the first iteration."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...datasets.checked_images import parts_of
from ...registry import HOOKS


@HOOKS.register_module()
class SampleCheckHook(Hook):
    """Call ``check_sample()`` of the data sets that have it, before the first iteration.

    Without this hook, what is wrong with label maps or images is found when they are loaded: that
    of the validation set at the first validation, and a class without a pixel never.
    The package's Runner adds this hook.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the files are not what the data set says.
    """

    def before_train(self, runner: Runner) -> None:
        """Look at the training data and the validation data."""
        check_samples(runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            check_samples(runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Look at the test data."""
        check_samples(runner.test_dataloader.dataset)


def check_samples(dataset: Any) -> None:
    """Call ``check_sample()`` of a data set, or of those within wrappers such as ConcatDataset.

    Example:
        >>> check_samples([1, 2, 3])  # a data set without it
    """
    for part in parts_of(dataset):
        if hasattr(part, 'check_sample'):
            part.check_sample()
