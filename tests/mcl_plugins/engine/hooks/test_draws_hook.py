"""The hook of random draws: a pre-training whose processes draw the same is named."""

from types import SimpleNamespace

import pytest
from torch import nn

from mcl_plugins.algorithms.base import PretrainingMethod
from mcl_plugins.engine.hooks import draws


class Method(PretrainingMethod):
    """A pre-training of nothing."""

    def __init__(self):
        nn.Module.__init__(self)

    def losses(self, *arguments, **options):
        return {}


@pytest.mark.parametrize(
    ('processes', 'own_draws', 'model', 'told'),
    [
        (2, False, Method(), True),
        (2, True, Method(), False),
        (1, False, Method(), False),
        (2, False, nn.Linear(1, 1), False),
    ],
)
def test_equal_masks_of_several_processes_are_told(monkeypatch, processes, own_draws, model, told):
    said = []
    monkeypatch.setattr(draws, 'get_world_size', lambda: processes)
    monkeypatch.setattr(draws, 'print_log', lambda text, *_: said.append(text))
    runner = SimpleNamespace(
        model=model,
        seed=0,
        _randomness_cfg=dict(diff_rank_seed=own_draws),
        train_dataloader=SimpleNamespace(dataset=None, batch_sampler=None, sampler=None),
    )
    monkeypatch.setattr(draws, 'carry_draws', lambda loader, seed: None)
    draws.DrawsHook().before_train(runner)
    expected = ['All 2 processes draw the same masks and augmentations in a step: '] * told
    assert [text.partition('set ')[0] for text in said] == expected
    assert all('diff_rank_seed=True' in text for text in said)
