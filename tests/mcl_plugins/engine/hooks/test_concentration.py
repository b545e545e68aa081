"""Kappa against closed forms, another estimator, and what a training logs."""

import math

import pytest
import torch
from mmengine.hooks import LoggerHook
from mmpretrain.registry import MODELS
from scipy.stats import vonmises_fisher

from conftest import SMALL_MASKED_MOCO
from mcl_plugins.algorithms import PretrainingMethod
from mcl_plugins.engine.hooks import ConcentrationHook
from mcl_plugins.engine.hooks.concentration import concentration


@pytest.mark.parametrize('degrees', [10, 60, 120])
def test_two_vectors_at_an_angle(degrees):
    """The mean of two unit vectors has the length cos(angle / 2)."""
    half = math.radians(degrees / 2)
    pair = torch.tensor([[math.cos(half), math.sin(half)], [math.cos(half), -math.sin(half)]])
    r, p = math.cos(half), 5
    features = torch.nn.functional.pad(pair, (0, 3))[None] * torch.tensor([[2.0], [0.1]])
    assert concentration(features).item() == pytest.approx(r * (p - r**2) / (1 - r**2), rel=1e-4)


def test_no_common_direction_is_zero_and_one_direction_is_huge_and_finite():
    axes = torch.eye(3)
    assert concentration(torch.cat((axes, -axes))[None]).item() == pytest.approx(0, abs=1e-6)
    same = concentration(axes[:1].expand(1, 4, 3)).item()
    assert 1e5 < same < 1e7


@pytest.mark.parametrize(('p', 'kappa'), [(16, 40.0), (64, 30.0), (64, 400.0)])
def test_draws_of_a_distribution_give_its_kappa(p, kappa):
    """Banerjee's approximation, within its error of a few percent; many draws, one image."""
    draws = vonmises_fisher([1.0] + [0.0] * (p - 1), kappa).rvs(20000, random_state=0)
    assert concentration(torch.tensor(draws)[None]).item() == pytest.approx(kappa, rel=0.03)


def test_it_is_the_maximum_likelihood_of_scipy_to_a_few_percent():
    torch.manual_seed(0)
    features = torch.randn(3, 8, 32).double() + 0.7
    for image, kappa in zip(features, concentration(features), strict=True):
        unit = image / image.norm(dim=1, keepdim=True)
        assert kappa.item() == pytest.approx(vonmises_fisher.fit(unit.numpy())[1], rel=0.03)


@pytest.mark.parametrize('p', [64, 768])
def test_eight_independent_directions_have_the_floor_of_the_docstring(p):
    kappas = concentration(torch.randn(2000, 8, p))
    assert kappas.mean().item() == pytest.approx(math.sqrt(8) * p / 7, rel=0.03)


class Hub(dict):
    def update_scalar(self, name, value):
        self[name] = value


class FakeModel(PretrainingMethod):
    """The heads of a method that encodes an image in chunks."""

    num_chunks = None  # of each instance

    def __init__(self, num_chunks=2):
        torch.nn.Module.__init__(self)
        self.projector, self.predictor = Double(), Double()
        self.backbone = torch.nn.Module()
        self.backbone.layers = torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()])
        self.num_chunks = num_chunks

    def losses(self):
        raise NotImplementedError


class Double(torch.nn.Module):
    def forward(self, inputs):
        return (torch.cat((inputs[0], inputs[0]), dim=1),)


class FakeRunner:
    def __init__(self, model, iterations=6, logger_interval=3):
        self.model, self.message_hub = model, Hub()
        self.train_dataloader = range(iterations)
        self.hooks = [LoggerHook(interval=logger_interval)]


def test_the_hook_averages_over_images_and_views_when_it_is_due():
    runner, hook = FakeRunner(FakeModel()), ConcentrationHook()
    hook.before_train(runner)
    for batch in range(6):
        hook.before_train_iter(runner, batch)
        seen = []
        for _ in range(2):  # views
            tokens = torch.randn(10, 3, 4)  # five images of two chunks: a class token, two patches
            rows = tokens[:, 0]
            runner.model.backbone.layers[-1](tokens)
            (projection,) = runner.model.projector((rows,))
            (prediction,) = runner.model.predictor((projection,))
            patches = (tokens[:, 1] + tokens[:, 2]) / 2
            seen.append((patches, rows, projection, prediction))
        runner.message_hub.clear()
        hook.after_train_iter(runner, batch)
        assert bool(runner.message_hub) == (batch in (2, 5))
        for name, features in zip(
            ('representation', 'head_input', 'projection', 'prediction'),
            zip(*seen, strict=True),
            strict=True,
        ):
            if runner.message_hub:
                kappas = [concentration(rows.view(5, 2, -1)) for rows in features]
                assert runner.message_hub[f'train/kappa_{name}'] == pytest.approx(
                    torch.cat(kappas).mean().item(), rel=1e-6
                )
    assert not runner.model.projector._forward_hooks
    assert not runner.model.backbone.layers[-1]._forward_hooks


@pytest.mark.parametrize(
    ('interval', 'iterations', 'looks'),
    [(None, 4, [3]), (None, 6, [3, 6]), (2, 6, [2, 4, 6]), (10, 6, [6]), (4, 6, [4])],
)
def test_it_looks_when_the_logger_writes(interval, iterations, looks):
    """Every so many iterations, and at the end of an epoch that is not longer than that."""
    runner = FakeRunner(FakeModel(), iterations)
    hook = ConcentrationHook(interval)
    hook.before_train(runner)
    found = []
    for batch in range(iterations):
        hook.before_train_iter(runner, batch)
        runner.model.predictor(runner.model.projector((torch.randn(4, 3),)))
        hook.after_train_iter(runner, batch)
        if runner.message_hub:
            found.append(batch + 1)
        runner.message_hub.clear()
    assert found == looks


def test_it_tells_the_chunks_of_an_image_from_those_of_others():
    """On a real model, whose chunks stand image by image."""
    model = MODELS.build(SMALL_MASKED_MOCO)
    model.init_weights()
    model.eval()  # batch norms with running statistics: the same queries twice
    images = torch.randn(5, 3, 32, 32)
    runner, hook = FakeRunner(model), ConcentrationHook(1)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    with torch.no_grad():
        queries = model._queries(images)
    hook.after_train_iter(runner, 0)
    assert runner.message_hub['train/kappa_prediction'] == pytest.approx(
        concentration(queries).mean().item(), rel=1e-5
    )


@pytest.mark.parametrize('model', [FakeModel(num_chunks=1), torch.nn.Linear(2, 2)])
def test_a_model_without_chunks_is_an_error(model):
    with pytest.raises(ValueError, match='Remove the hook from custom_hooks'):
        ConcentrationHook().before_train(FakeRunner(model))
