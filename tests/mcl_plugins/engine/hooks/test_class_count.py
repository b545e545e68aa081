"""Heads with another number of outputs than the data has classes stop before the first batch."""

from types import SimpleNamespace

import pytest
from mmengine.registry import HOOKS
from mmpretrain.models import LinearClsHead
from torch import nn

from mcl_plugins.engine.hooks.class_count import check_class_count


def head(classes):
    module = nn.Module()
    module.conv_seg, module.num_classes = nn.Conv2d(4, classes, 1), classes
    return module


def test_all_heads_are_compared_and_data_without_names_is_not():
    model = nn.ModuleDict({'decode_head': head(3), 'auxiliary_head': head(3)})
    check_class_count(model, SimpleNamespace(metainfo=dict(classes=tuple('abc'))))
    check_class_count(model, SimpleNamespace())
    check_class_count(model, SimpleNamespace(metainfo={}))
    model['auxiliary_head'] = head(4)
    with pytest.raises(ValueError, match=r'model\.auxiliary_head has num_classes=4, .* 3 classes'):
        check_class_count(model, SimpleNamespace(metainfo=dict(classes=tuple('abc'))))


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_a_classifier_is_stopped_before_each_stage(stage):
    def runner(classes):
        dataset = SimpleNamespace(metainfo=dict(classes=tuple('abcdefgh'[:classes])))
        loaders = {f'{name}_dataloader': SimpleNamespace(dataset=dataset)
                   for name in ('train', 'val', 'test')}  # fmt: skip
        model = nn.ModuleDict({'head': LinearClsHead(num_classes=5, in_channels=4)})
        return SimpleNamespace(model=model, val_loop=None, **loaders)

    check = getattr(HOOKS.build(dict(type='mcl_plugins.ClassCountHook')), f'before_{stage}')
    check(runner(5))
    with pytest.raises(ValueError, match=r'model\.head has num_classes=5, .* 4 classes'):
        check(runner(4))


def test_a_training_list_without_names_is_compared_with_the_validation_folder():
    hook = HOOKS.build(dict(type='mcl_plugins.ClassCountHook'))
    model = nn.ModuleDict({'head': LinearClsHead(num_classes=5, in_channels=4)})
    named = SimpleNamespace(metainfo=dict(classes=tuple('abcd')))
    runner = SimpleNamespace(
        model=model,
        val_loop=object(),
        train_dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo={})),
        val_dataloader=SimpleNamespace(dataset=named),
    )
    with pytest.raises(ValueError, match=r'num_classes=5, .* 4 classes'):
        hook.before_train(runner)
    runner.val_loop = None
    hook.before_train(runner)


def test_a_word_in_place_of_a_list_of_classes_is_named():
    """Its letters would be counted as classes."""
    with pytest.raises(ValueError, match=r"classes='cat' .* write \('cat',\)"):
        check_class_count(nn.Identity(), SimpleNamespace(metainfo=dict(classes='cat')))
