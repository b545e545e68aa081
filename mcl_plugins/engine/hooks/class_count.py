"""A hook that compares the number of classes of the data with that of the heads."""

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
    """Compare the number of classes of the data and of the heads before the first iteration.

    Without this hook, a label that has no output in the head raises an error only in the first
    batch that contains it, on a GPU as a failed assertion of a kernel. Data sets without class
    names are not compared.

    Raises:
        ValueError: the numbers differ.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training data and the validation data.

        A training set that is read from a list of images has no class names. Its validation set may
        have them, from the folders of the classes.
        """
        model = unwrapped_model(runner)
        check_class_count(model, runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            check_class_count(model, runner.val_dataloader.dataset)

    def before_val(self, runner: Runner) -> None:
        """Check the validation data."""
        check_class_count(unwrapped_model(runner), runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the test data."""
        check_class_count(unwrapped_model(runner), runner.test_dataloader.dataset)


def check_class_count(model: nn.Module, dataset: Dataset) -> None:
    """Raise a ValueError unless each head has as many outputs as the data set has classes.

    Args:
        model: the heads are its modules with an output layer such as ``fc`` or ``conv_seg``.
        dataset: its class names are in ``metainfo['classes']``.

    Example:
        >>> from types import SimpleNamespace
        >>> from mmpretrain.models import LinearClsHead
        >>> dataset = SimpleNamespace(metainfo={'classes': ('cat', 'dog')})
        >>> check_class_count(nn.Sequential(LinearClsHead(2, 8)), dataset)
    """
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is None:
        return
    if isinstance(classes, str):
        raise ValueError(
            f'metainfo classes={classes!r} of the data set is a word, not a list of classes: for '
            f'one class write ({classes!r},), with the comma.'
        )
    for name, module in model.named_modules():
        last = any(hasattr(module, layer) for layer in _OUTPUTS)
        if last and module.num_classes != len(classes):
            raise ValueError(
                f'model.{name} has num_classes={module.num_classes}, but the data set has '
                f"{len(classes)} classes: set num_classes of the heads (and of a classifier's "
                'data_preprocessor) to that, or metainfo=dict(classes=(...)) of the datasets.'
            )
