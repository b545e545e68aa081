"""A training with several optimizers, which MMEngine keeps in an ``OptimWrapperDict``."""

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner as MMEngineRunner
from torch import nn
from torch.utils.data import DataLoader

from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.engine import Runner
from mcl_plugins.engine.wrappers import wrappers_of

HOOKS = [dict(type=f'mcl_plugins.{name}Hook') for name in ('FiniteLoss', 'Schedule', 'BatchSize')]


class Pair(BaseModel):
    """Two layers, each with an optimizer; the loss of the second one may be infinite."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.first, self.second, self.factor = nn.Linear(2, 1), nn.Linear(2, 1), factor

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.first(inputs).mean() + self.factor * self.second(inputs).mean())

    def train_step(self, data, optim_wrapper):
        losses = self._run_forward(self.data_preprocessor(data, True), mode='loss')
        for wrapper in optim_wrapper.values():
            wrapper.zero_grad()
        losses['loss'].backward()
        for wrapper in optim_wrapper.values():
            wrapper.step()
        return losses


def runner_of(kind, folder, factor=1.0):
    model = Pair(factor)
    layers = dict(first=model.first, second=model.second)
    wrappers = {
        name: OptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1))
        for name, layer in layers.items()
    }
    return kind(
        model,
        str(folder),
        train_dataloader=DataLoader([dict(inputs=torch.ones(2))] * 4, batch_size=2),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=OptimWrapperDict(**wrappers),
        auto_scale_lr=dict(enable=True, base_batch_size=1),
        custom_hooks=HOOKS,
        experiment_name=f'{folder}-{factor}',
    )


@pytest.mark.parametrize('kind', [Runner, MMEngineRunner])
def test_it_trains_and_its_checkpoint_has_both(tmp_path, kind):
    runner = runner_of(kind, tmp_path)
    runner.train()
    checkpoint = load_file(tmp_path / 'epoch_1.pth')
    assert checkpoint['optimizer'].keys() == {'first', 'second'}
    assert {wrapper.param_groups[0]['lr'] for wrapper in wrappers_of(runner.optim_wrapper)} == {0.2}


@pytest.mark.parametrize('kind', [Runner, MMEngineRunner])
def test_a_step_that_is_not_finite_is_taken_by_none(tmp_path, kind):
    runner = runner_of(kind, tmp_path, factor=float('inf'))
    before = runner.model.first.weight.clone()
    with pytest.raises(FloatingPointError, match='The step was not taken'):
        runner.train()
    assert torch.equal(runner.model.first.weight, before)
