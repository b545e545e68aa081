"""A training that starts from weights without an EMA has an EMA that starts from them, too."""

import copy

import pytest
import torch
from mmengine.runner import Runner as MMEngineRunner
from mmengine.runner.checkpoint import load_checkpoint
from mmpretrain.registry import MODELS
from test_any_runner import CONFIGS, settings  # noqa: F401  the latter is a fixture
from test_mimco import config_of as mimco
from test_mimco import teacher_file  # noqa: F401  a fixture

from mcl_plugins.algorithms import base
from mcl_plugins.checkpoint.aliases import list_spellings
from mcl_plugins.checkpoint.files import save_file

METHODS = [method for method in CONFIGS if method != 'ccMIM']  # which has no EMA


@pytest.fixture(params=METHODS)
def config(request):
    if (found := CONFIGS[request.param]) is None:
        found = mimco(request.getfixturevalue('teacher_file')())
    return copy.deepcopy(found)


def build(config, seed, **changes):
    torch.manual_seed(seed)
    model = MODELS.build({**copy.deepcopy(config), **changes})
    model.init_weights()
    return model


def trained_weights(config):
    """Weights of a training in the middle, in which the EMA is another network."""
    model = build(config, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.rand_like(parameter))
    return dict(model.state_dict())


def without_ema(state):
    return {name: value for name, value in state.items() if not name.startswith('ema.')}


def is_copy(ema):
    pairs = zip(ema.source_parameters(), ema.parameters(), strict=True)
    return all(torch.equal(source, average) for source, average in pairs)


def load_with_torch(config, state, path):
    model = build(config, seed=2)
    model.load_state_dict(state, strict=False)
    return model


def load_as_a_part(config, state, path):
    """As DDP and a compiled model load, whose names have a prefix."""
    model = build(config, seed=2)
    torch.nn.ModuleDict({'module': model}).load_state_dict(
        {f'module.{name}': value for name, value in state.items()}, strict=False
    )
    return model


def load_with_mmengine(config, state, path):
    model = build(config, seed=2)
    save_file({'state_dict': state}, path)
    load_checkpoint(model, str(path))
    return model


def load_by_init_cfg(config, state, path):
    save_file({'state_dict': state}, path)
    return build(config, seed=2, init_cfg=dict(type='Pretrained', checkpoint=str(path)))


LOADERS = [load_with_torch, load_as_a_part, load_with_mmengine, load_by_init_cfg]


@pytest.mark.parametrize('load', LOADERS)
def test_the_ema_starts_from_what_the_student_starts_from(config, load, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(base, 'print_log', lambda text, **_: said.append(text))
    state = without_ema(trained_weights(config))
    model = load(config, state, tmp_path / 'weights.pth')
    assert all(torch.equal(model.state_dict()[name], value) for name, value in state.items())
    assert is_copy(model.ema)
    (line,) = said
    parts = ', '.join(name for name, _ in model.ema.named_children())
    assert line.endswith(f'{config["type"].split(".")[1]} starts as a copy of {parts}.')


@pytest.mark.parametrize('method', [method for method in METHODS if method != 'MimCo'])
def test_an_encoder_alone_is_copied_with_the_new_projector(method, tmp_path):
    """MimCo has no EMA of its encoder."""
    state = trained_weights(CONFIGS[method])
    encoder = {name: value for name, value in state.items() if name.startswith('backbone.')}
    model = load_with_mmengine(CONFIGS[method], encoder, tmp_path / 'encoder.pth')
    for name, value in model.ema.backbone.state_dict().items():
        assert torch.equal(value, encoder[f'backbone.{name}']), name
    assert is_copy(model.ema)


@pytest.mark.parametrize('load', [load_with_torch, load_with_mmengine])
def test_an_ema_in_the_file_stays_what_it_is(config, load, tmp_path):
    """Under its earlier names, too; but parts of another method's EMA are none."""
    state = trained_weights(config)
    earlier = {list_spellings(name)[-1]: value for name, value in state.items()}
    for weights in (state, earlier):
        model = load(config, weights, tmp_path / 'whole.pth')
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        assert not is_copy(model.ema)
    foreign = {**without_ema(state), 'ema.another.weight': torch.ones(1)}
    assert is_copy(load(config, foreign, tmp_path / 'foreign.pth').ema)


def test_each_file_counts_by_itself(config):
    """After one without EMA, a whole one is resumed; a part that is not averaged moves nothing."""
    state = trained_weights(config)
    model = load_with_torch(config, without_ema(state), None)
    assert is_copy(model.ema)
    model.load_state_dict(state)
    part = {name: value for name, value in state.items() if 'predictor' in name or 'head' in name}
    model.load_state_dict(part, strict=False)
    assert not is_copy(model.ema)


def test_mmengines_runner_starts_both_from_load_from(settings, tmp_path):  # noqa: F811
    """The EMA's momentum is 1, so that it stays what it was at the first step."""
    config = {**CONFIGS['ConMIM'], 'momentum': dict(start=1.0, end=1.0)}
    state = trained_weights(config)
    encoder = {name: value for name, value in state.items() if name.startswith('backbone.')}
    save_file({'state_dict': encoder}, tmp_path / 'encoder.pth')
    settings.update(model=config, load_from=str(tmp_path / 'encoder.pth'))
    settings.experiment_name += '-warm'
    runner = MMEngineRunner.from_cfg(settings)
    runner.train()
    for name, value in runner.model.ema.backbone.state_dict().items():
        assert torch.equal(value, encoder[f'backbone.{name}']), name
    assert not is_copy(runner.model.ema)  # the student was trained
