"""MoCo v3 is mmpretrain's, except for when its target moves (the golden files: test_fidelity)."""

import copy
import math

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmpretrain.registry import MODELS

from conftest import MOCO_MLP, PREPROCESSOR, SMALL_VIT
from mcl_plugins.checkpoint.mocov3 import MOCOV3
from mcl_plugins.engine import Runner

MLP = {**MOCO_MLP, 'norm_cfg': dict(type='BN1d')}  # mmpretrain's norm, of one process
SMALL = dict(
    type='mcl_plugins.MoCoV3',
    backbone={**SMALL_VIT, 'type': 'mcl_plugins.MoCoV3ViT', 'stop_grad_conv1': True},
    neck=dict(**MLP, in_channels=48, num_layers=3),
    head=dict(
        type='mcl_plugins.MoCoV3Head',
        predictor=dict(**MLP, in_channels=16, num_layers=2),
        loss=dict(type='CrossEntropyLoss', loss_weight=0.4),
        temperature=0.2,
    ),
    base_momentum=0.1,
    data_preprocessor={**PREPROCESSOR, 'views': [[], []]},
)
THEIRS = {**SMALL, 'type': 'mmpretrain.MoCoV3', 'data_preprocessor': None}


def build(config):
    torch.manual_seed(1)
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    return model.double()


@pytest.fixture
def views():
    torch.manual_seed(2)
    return [torch.randn(6, 3, 32, 32).double() for _ in range(2)]


@pytest.fixture
def trained(views):
    """mmpretrain's model after four steps of training, and the optimizer."""
    model = build(THEIRS)
    MessageHub.get_current_instance().update_info('max_iters', 10)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.3)
    for _ in range(4):
        model.loss(views, None)['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def test_loss_and_gradients_are_mmpretrains(trained, views):
    """Its checkpoint is loaded whole. It moves its target before the keys, we after the step."""
    theirs, _ = trained
    ours = build(SMALL)
    ours.load_state_dict(theirs.state_dict())
    ours.ema.update(1 - 0.1 * 0.5 * (1 + math.cos(math.pi * 4 / 10)))
    expected = theirs.loss(views, None)['loss']
    result = ours.loss(views)
    torch.testing.assert_close(result['loss_contrast'], expected)
    expected.backward()
    result['loss_contrast'].backward()
    mine = dict(ours.named_parameters())
    for name, parameter in theirs.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(mine[name].grad, parameter.grad, msg=name)
    assert mine['backbone.layers.0.attn.qkv.weight'].grad.abs().max() > 1e-4
    assert mine['backbone.patch_embed.projection.weight'].grad is None
    average = ours.ema.backbone.layers[0].attn.qkv.weight
    torch.testing.assert_close(average, theirs.momentum_encoder.module[0].layers[0].attn.qkv.weight)


def test_a_step_of_several_batches_moves_the_target_once(views):
    """mmpretrain's moves at each batch: with a momentum of 0.9 then by 0.19 instead of 0.1."""
    model = build(SMALL)
    before = copy.deepcopy(model.ema.neck.fc0.weight)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.3)
    for _ in range(2):
        (model.loss(views)['loss_contrast'] / 2).backward()
    model.set_progress(0, 10)
    optimizer.step()
    torch.testing.assert_close(
        model.ema.neck.fc0.weight, 0.9 * before + 0.1 * model.neck.fc0.weight
    )


def test_mmpretrains_target_moves_once_for_a_step_under_our_runner(training_config):
    """Its own class moves it in the forward pass; the momentum is that of the iteration."""
    config = training_config
    config.model = {**copy.deepcopy(SMALL), 'type': 'mmpretrain.MoCoV3'}
    config.optim_wrapper = dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.3), accumulative_counts=2
    )
    runner = Runner.from_cfg(config)
    weights = []
    runner.register_hook(Weights(weights))
    runner.train()
    start, _, first, *_ = weights  # before the passes 0 to 3; a step is after 1 and after 3
    momentum = 0.1 * 0.5 * (1 + math.cos(math.pi * 2 / 4))  # 1 - m at pass 2 of 4
    torch.testing.assert_close(
        runner.model.momentum_encoder.module[1].fc0.weight,
        (1 - momentum) * start + momentum * first,
    )
    assert not torch.equal(start, first)


class Weights(Hook):
    """Keeps the projector's weights before each iteration."""

    def __init__(self, kept):
        self.kept = kept

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.kept.append(runner.model.neck.fc0.weight.detach().clone())


def test_the_log_has_monitors(views):
    """Chance has the factors of the loss: both directions, times 2 tau ln 6."""
    model = build(SMALL)
    result = model.loss(views)
    assert set(result) == {'loss_contrast', 'chance', 'top1', 'key_spread'}
    assert result['chance'].item() == pytest.approx(2 * 0.4 * math.log(6))
    assert model.smallest_batch() == 2


def test_a_momentum_of_the_other_convention_is_refused():
    with pytest.raises(ValueError, match=r'momentum start=-0.5'):
        MODELS.build({**copy.deepcopy(SMALL), 'base_momentum': 1.5})


def test_mmpretrains_state_goes_to_the_released_names(trained):
    theirs, _ = trained
    released = MOCOV3.to_released(theirs.state_dict())
    ours = build(SMALL)
    ours.load_state_dict(MOCOV3.from_released(released))
    state = theirs.state_dict()
    for name, value in ours.ema.neck.state_dict().items():
        assert torch.equal(value, state[f'momentum_encoder.module.1.{name}']), name
