"""Every method and model of the configs returns itself from ``eval()``, and then stays as it is."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from test_any_runner import CONFIGS as METHODS
from test_mimco import config_of as mimco
from test_mimco import teacher_file  # noqa: F401  a fixture

from conftest import ROOT
from mcl_plugins.targets import following

CONFIGS = sorted(
    path.relative_to(ROOT / 'configs').with_suffix('').as_posix()
    for path in (ROOT / 'configs/quickstart').glob('*.py')
    if not path.stem.startswith('scenes_')
)


@pytest.mark.parametrize('name', CONFIGS)
def test_train_and_eval_return_the_model_and_each_of_its_parts(name):
    model = MODELS.build(Config.fromfile(ROOT / f'configs/{name}.py').model)
    assert model.eval() is model and not model.training
    assert not any(part.training for part in model.modules())
    assert model.train() is model and model.training
    for part in model.children():
        assert part.eval() is part


@pytest.mark.parametrize('method', METHODS)
def test_a_validation_loss_changes_nothing_that_training_goes_on_from(method, request):
    """Neither weights, statistics, queues and pointers, nor what the EMA waits for."""
    config = METHODS[method]
    if config is None:
        config = mimco(request.getfixturevalue('teacher_file')())
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    views = list(torch.randn(len(model.views), 4, 3, 32, 32))
    model.loss(views)
    before = copy.deepcopy(model.state_dict())
    waiting = copy.copy(following._trainings.get(model.ema)) if model.ema else None
    model.eval()
    with torch.no_grad():
        model.loss(views)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.ema or following._trainings[model.ema] == waiting
    model.train()
    model.loss(views)
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    queues = {name for name in before if name.endswith(('.keys', '.pointer'))}
    assert queues <= changed


@pytest.mark.parametrize('method', ['ccMIM', 'CMAE', 'SimMIM and MoBY'])
def test_a_method_that_masks_says_so_when_it_is_built(method):
    with pytest.raises(ValueError, match=r'needs model.mask_generator, which is None: set it'):
        MODELS.build({**copy.deepcopy(METHODS[method]), 'mask_generator': None})
