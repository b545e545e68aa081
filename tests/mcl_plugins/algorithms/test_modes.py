"""``model = build(...).eval()`` is common: every method and model of the configs returns itself."""

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS

from conftest import ROOT

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
