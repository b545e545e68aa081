"""Stops a model whose heads and data have another number of classes."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from ...registry import HOOKS
from .unwrap import unwrapped_model

# The last layer of a head: mmpretrain's, mmseg's, and those of mmdet's box and mask heads.
_OUTPUTS = ('fc', 'conv_seg', 'fc_cls', 'conv_logits')


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compare the number of classes of the data and of the heads before anything is computed.

    A label that a head has no output for would otherwise stop the first batch that has one, on a
    GPU with a message from the kernel. Data without names of classes is not compared.

    Raises:
        ValueError: they differ.
    """

    def before_train(self, runner: Runner) -> None:
        """Look at the training data, and at the validation data, whose names may be all there are.

        A list of training images has none, but what the run is validated on may be a folder with
        one of each class.
        """
        model = unwrapped_model(runner)
        check_class_count(model, runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            check_class_count(model, runner.val_dataloader.dataset)

    def before_val(self, runner: Runner) -> None:
        """Look at the validation data."""
        check_class_count(unwrapped_model(runner), runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Look at the test data."""
        check_class_count(unwrapped_model(runner), runner.test_dataloader.dataset)


def check_class_count(model: nn.Module, dataset: Dataset) -> None:
    """Raise a ValueError unless each head has as many outputs as the data set has classes."""
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is None:
        return
    for name, module in model.named_modules():
        last = any(hasattr(module, layer) for layer in _OUTPUTS)
        if last and module.num_classes != len(classes):
            raise ValueError(
                f'model.{name} has num_classes={module.num_classes}, but the data set has '
                f"{len(classes)} classes: set num_classes of the heads (and of a classifier's "
                'data_preprocessor) to that, or metainfo=dict(classes=(...)) of the datasets.'
            )
