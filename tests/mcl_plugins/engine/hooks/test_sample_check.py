"""Data sets look at a sample of their files before the first iteration."""

from types import SimpleNamespace

import pytest
from mmengine.registry import HOOKS

from mcl_plugins.engine.hooks import SampleCheckHook
from mcl_plugins.engine.runner import Runner


class Data(list):
    """Notes that it was asked."""

    asked = 0

    def check_sample(self):
        self.asked += 1


@pytest.mark.parametrize('stage', ['train', 'test'])
def test_all_data_sets_of_a_stage_are_asked_within_wrappers(stage):
    train, validation, test = Data('a'), Data('b'), Data('c')
    loaders = dict(
        train_dataloader=SimpleNamespace(
            dataset=SimpleNamespace(datasets=[SimpleNamespace(dataset=train), [1]])
        ),
        val_dataloader=SimpleNamespace(dataset=validation),
        test_dataloader=SimpleNamespace(dataset=test),
    )
    hook = HOOKS.build(dict(type='mcl_plugins.SampleCheckHook'))
    getattr(hook, f'before_{stage}')(SimpleNamespace(val_loop=object(), **loaders))
    expected = dict(train=(1, 1, 0), test=(0, 0, 1))[stage]
    assert (train.asked, validation.asked, test.asked) == expected


def test_the_runner_adds_the_hook_once(training_config):
    training_config.default_hooks.samples = dict(type='mcl_plugins.SampleCheckHook')
    for name in ('listed', 'added'):
        training_config.experiment_name = name
        runner = Runner.from_cfg(training_config)
        assert sum(isinstance(hook, SampleCheckHook) for hook in runner.hooks) == 1
        training_config.default_hooks.pop('samples', None)
