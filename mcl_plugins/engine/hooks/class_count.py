"""A hook that compares the classes of the data sets of a run, and the sizes of the heads."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmpretrain.evaluation import Accuracy
from torch import nn
from torch.utils.data import Dataset

from ...datasets.classes import ClassNames, agree_on_classes
from ...registry import HOOKS
from ..unwrap import unwrapped_model

# The last layer of a head: mmpretrain's, mmseg's, and those of mmdet's box and mask heads.
_OUTPUTS = ('fc', 'conv_seg', 'fc_cls', 'conv_logits')

TRAINING, TEST = 'the training data', 'the test data'  # in messages


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Compare the classes of all data sets, and their number in the heads, before the first step.

    Each data set numbers its own class folders, so one folder more or less would shift the labels
    of one side. Classes are therefore compared by name: those of the validation and the test data
    with those of the training data and, when a trained model is tested or resumed, with those in
    its checkpoint.

    A label that has no output in the head would raise an error only in the first batch that
    contains it, on a GPU as a failed assertion of a kernel. Data sets without class names are not
    compared. The package's Runner adds this hook if a config does not list it.

    Raises:
        ValueError: the names, or their number and that of a head's outputs, differ; there are
            fewer classes than a top-k accuracy needs; or a softmax has only one class.
    """

    def __init__(self) -> None:
        self.trained_on: ClassNames | None = None  # the names that the model has learnt
        self.origin = 'the checkpoint'  # where they are from

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the names of the class folders to the checkpoint's ``meta``."""
        names = ClassNames.of(runner.train_dataloader.dataset)
        checkpoint['meta'].update(names.for_checkpoint())

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember the classes that the model was trained on."""
        self.trained_on = ClassNames.of_checkpoint(checkpoint.get('meta') or {})
        self.origin = 'the checkpoint'

    def before_train(self, runner: Runner) -> None:
        """Check the training data and the validation data.

        A training set that is read from a list of images has no class names. Its validation set may
        have them, from the folders of the classes.
        """
        datasets = {TRAINING: runner.train_dataloader.dataset}
        if self.trained_on is not None and runner._resume:
            agree_on_classes(datasets, self.trained_on)
        if runner.val_loop is not None:
            datasets['the validation data'] = runner.val_dataloader.dataset
        agree_on_classes(datasets)
        if (test := build_test_data(runner)) is not None:
            agree_on_classes({TRAINING: datasets[TRAINING], TEST: test})
        if runner.val_loop is not None:
            tell_classes(runner, runner.val_loop)
        # The model now learns the classes of the training data.
        self.trained_on, self.origin = ClassNames.of(datasets[TRAINING]), TRAINING
        for dataset in datasets.values():
            check_class_count(unwrapped_model(runner), dataset)
        if runner.val_loop is not None:
            check_top_k('val', runner.val_loop)

    def before_val(self, runner: Runner) -> None:
        """Check the validation data."""
        self._check('the validation data', runner, runner.val_loop)
        check_top_k('val', runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Check the test data."""
        self._check(TEST, runner, runner.test_loop)
        check_top_k('test', runner.test_loop)

    def _check(self, name: str, runner: Runner, loop: Any) -> None:
        dataset = loop.dataloader.dataset
        if self.trained_on is not None:
            agree_on_classes({name: dataset}, self.trained_on, self.origin)
            tell_classes(runner, loop)
        check_class_count(unwrapped_model(runner), dataset)


def build_test_data(runner: Runner) -> Any:
    """Build the data set that the trained model is to be tested on.

    Returns:
        None if the config has no test data, has the validation data as such, or if its files are
        not there yet; its classes are then compared when it is tested.
    """
    configs = [runner.cfg.get(f'{split}_dataloader') for split in ('test', 'val')]
    test, validation = ((config or {}).get('dataset') for config in configs)
    if test is None or test == validation:
        return None
    try:
        return DATASETS.build(test) if isinstance(test, dict) else test
    except FileNotFoundError as error:
        reason = str(error).partition('. ')[0]
        print_log(f'{reason}: the classes of {TEST} are compared when it is tested.', 'current')
        return None


def tell_classes(runner: Runner, loop: Any) -> None:
    """Tell metrics and visualiser the class names of a loop's data set, if they have changed.

    MMEngine does so when it builds the loop, before the data sets have agreed on their classes.
    """
    metainfo = getattr(loop.dataloader.dataset, 'metainfo', None) or {}
    known = getattr(loop.evaluator, 'dataset_meta', None) or {}
    if metainfo.get('classes') != known.get('classes'):
        loop.evaluator.dataset_meta = runner.visualizer.dataset_meta = metainfo


def check_top_k(split: str, loop: Any) -> None:
    """Raise a ValueError if an accuracy is to be that of more classes than there are.

    mmpretrain finds out at the end of the first validation, or of the test.
    """
    classes = (getattr(loop.dataloader.dataset, 'metainfo', None) or {}).get('classes')
    for metric in getattr(loop.evaluator, 'metrics', ()):
        if classes and isinstance(metric, Accuracy) and max(metric.topk) > len(classes):
            raise ValueError(
                f'{split}_evaluator.topk={metric.topk}: the top-{max(metric.topk)} accuracy needs '
                f'more classes than the {len(classes)} of the data set. Set val_evaluator.topk=1 '
                'and test_evaluator.topk=1.'
            )


def check_class_count(model: nn.Module, dataset: Dataset) -> None:
    """Raise a ValueError unless each head has as many outputs as the data set has classes.

    Args:
        model: the heads are its modules with an output layer such as ``fc`` or ``conv_seg``,
            outside of the backbone: a timm model's own classifier is not used.
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
        if name.partition('.')[0] == 'backbone':
            continue
        last = any(hasattr(module, layer) for layer in _OUTPUTS)
        # A projector of a pre-training may have such a layer, but it has no classes.
        if last and getattr(module, 'num_classes', len(classes)) != len(classes):
            raise ValueError(
                f'model.{name} has num_classes={module.num_classes}, but the data set has '
                f"{len(classes)} classes: set num_classes of the heads (and of a classifier's "
                'data_preprocessor) to that, or metainfo=dict(classes=(...)) of the datasets.'
            )
        check_single_output(name, module)
    preprocessor: Any = getattr(model, 'data_preprocessor', None)
    mixes = getattr(preprocessor, 'to_onehot', False)  # MMPretrain sets it for Mixup and CutMix
    if mixes and preprocessor.num_classes not in (None, len(classes)):
        raise ValueError(
            f'data_preprocessor.num_classes={preprocessor.num_classes}, '
            f'but the data set has {len(classes)} classes, and their labels are mixed: '
            f'set data_preprocessor.num_classes={len(classes)}.'
        )


def check_single_output(name: str, head: nn.Module) -> None:
    """Raise a ValueError if a head learns nothing: its one output is always 1 after a softmax.

    Args:
        name: of the head in the model, for the message.
        head: any module; only classifiers of mmpretrain and decode heads of mmseg are checked.
    """
    layer = getattr(head, 'fc', None) or getattr(head, 'conv_seg', None)
    outputs = getattr(layer, 'out_features', None) or getattr(layer, 'out_channels', None)
    loss = getattr(head, 'loss_decode', None) or getattr(head, 'loss_module', None)
    if outputs != 1 or loss is None:
        return
    kinds = [part.use_sigmoid for part in loss.modules() if hasattr(part, 'use_sigmoid')]
    if kinds and not any(kinds):
        raise ValueError(
            f'model.{name} has one output and the loss of a softmax, which is then always 0: '
            'nothing would be trained. List two classes, the background (or "other") first, and '
            "set num_classes=2, or set use_sigmoid=True of the head's loss, in mmseg with "
            'num_classes=2 and out_channels=1.'
        )
