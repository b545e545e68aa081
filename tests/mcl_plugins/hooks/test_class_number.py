"""A head with another number of outputs than the data has classes stops before the first batch."""

from types import SimpleNamespace

import pytest
from mmengine.registry import HOOKS

HOOK = dict(type='mcl_plugins.ClassNumCheckHook')


def runner(outputs, classes):
    head = SimpleNamespace(num_classes=outputs)
    loader = SimpleNamespace(dataset=SimpleNamespace(CLASSES=tuple('abcdefgh'[:classes])))
    return SimpleNamespace(
        model=SimpleNamespace(head=head),
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
    )


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_another_number_of_classes_is_an_error(stage):
    check = getattr(HOOKS.build(HOOK), f'before_{stage}')
    check(runner(5, 5))
    with pytest.raises(ValueError, match='has 5 classes, the head 4 outputs.*head.num_classes'):
        check(runner(4, 5))
