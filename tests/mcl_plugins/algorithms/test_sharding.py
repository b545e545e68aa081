"""A model that is divided among processes trains as one that is not, whatever the method."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from test_any_runner import CONFIGS
from test_mimco import config_of as mimco
from test_mimco import teacher_file  # noqa: F401  a fixture

from conftest import SMALL as CONMIM
from mcl_plugins import load_encoder
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.cli.benchmark.scale import Traffic, divided_weights
from mcl_plugins.engine import Runner
from mcl_plugins.engine.sharding import check_parts
from mcl_plugins.utils.sharded import is_divided, local_part, whole_state
from processes import run_on_two_processes


@pytest.fixture
def settings(training_config):
    """Two epochs of two iterations on two processes, without files."""
    config = copy.deepcopy(training_config)
    config.train_cfg.max_epochs = 2
    # Adam would make a step of the rounding of a gradient that is zero.
    config.optim_wrapper.optimizer = dict(type='SGD', lr=0.1, momentum=0.9)
    config.optim_wrapper.clip_grad = dict(max_norm=0.5)
    config.default_hooks.checkpoint = None
    config.randomness = dict(seed=3)
    config.launcher = 'pytorch'
    config.custom_hooks = [
        dict(type=f'mcl_plugins.{name}') for name in ('FiniteLossHook', 'DoctorHook')
    ]
    return config


def train(config, method, model, **changes):
    """Train on this process and the other; returns the runner and its log of losses."""
    config = copy.deepcopy(config)
    config.update(copy.deepcopy(changes))
    config.model = copy.deepcopy(model)
    config.experiment_name += f'{method}{changes}'
    runner = Runner.from_cfg(config)
    runner.train()
    scalars = runner.message_hub.log_scalars
    logged = {
        name: torch.tensor(scalars[f'train/{name}'].data[0]) for name in ('loss', 'grad_norm')
    }
    return runner, logged


def compare(rank, config, models):
    for method, model in models.items():
        (one, wanted), (divided, found) = (
            train(config, method, model, sharding=sharding) for sharding in (False, True)
        )
        assert len(wanted['loss']) == 4
        for name, values in wanted.items():
            torch.testing.assert_close(found[name], values, rtol=1e-5, atol=1e-6, msg=method)
        held = sum(local_part(part).numel() for part in divided.model.parameters())
        assert all(map(is_divided, divided.model.parameters()))
        whole = sum(part.numel() for part in one.model.parameters())
        assert 0.45 * whole < held < 0.55 * whole
        state = whole_state(divided.model.state_dict())
        if rank == 0:
            torch.testing.assert_close(state, dict(one.model.module.state_dict()))


def test_losses_and_weights_are_those_without_sharding(settings, request):
    teacher = request.getfixturevalue('teacher_file')()
    models = {**CONFIGS, 'MimCo': mimco(teacher)}
    run_on_two_processes(compare, settings, models)


def send(rank, config, models):
    """What a step sends is what ``mcl bench scale`` computes, up to what fills small tensors."""
    for method, model in models.items():
        divided = train(config, method, model, sharding=True)[0].model
        views = [torch.randn(2, 3, 32, 32) for _ in divided.views]
        with divided_weights(divided) as wanted, Traffic(2) as traffic:
            loss, _ = divided.parse_losses(divided(views, mode='loss'))
            loss.backward()
        assert traffic.sent['gather'] == pytest.approx(sum(wanted) / 2, rel=0.02), method


def test_a_step_sends_what_is_computed(settings):
    """Of an encoder that is called once, and of one that is called for each of two views."""
    run_on_two_processes(send, settings, {'ConMIM': CONMIM, 'Masked BYOL': CONFIGS['Masked BYOL']})


def save_and_resume(rank, config, loader):
    """Train two epochs in four ways, which end alike; an epoch ends between two steps."""
    root = Path(config.work_dir)
    config.train_dataloader.batch_size, config.optim_wrapper.accumulative_counts = 2, 3
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    probe = dict(type='mcl_plugins.ProbeHook', train_dataloader=loader, val_dataloader=loader)
    config.custom_hooks += [dict(**probe, interval=1, ks=(3,), encoder='ema.backbone')]
    ways = {'whole': {}, 'divided': {}, 'whole-divided': {}, 'divided-whole': {}}
    for way in ways:
        first, _, second = way.partition('-')
        resumed = dict(load_from=str(root / first / 'epoch_1.pth'), resume=True) if second else {}
        changes = dict(work_dir=str(root / way), sharding=way.endswith('divided'), **resumed)
        runner, _ = train(config, 'ConMIM', CONMIM, **changes)
        ways[way] = runner.message_hub.log_scalars['train/loss'].data[0][-4:]
    if rank > 0:
        return
    for way, losses in ways.items():
        assert losses == pytest.approx(ways['whole'], rel=1e-5)
        for epoch in (2,) if '-' in way else (1, 2):
            file = f'epoch_{epoch}.pth'
            found, wanted = load_file(root / way / file), load_file(root / 'whole' / file)
            for part in ('state_dict', 'optimizer'):
                torch.testing.assert_close(found[part], wanted[part])
            processes = 1 if way == 'divided' else 2  # a divided gradient is that of all
            assert len(found.get('gradients', ())) == (processes if epoch == 1 else 0)


def test_checkpoints_are_whole_and_exchanged(settings, tmp_path):
    data = copy.deepcopy(settings.train_dataloader)
    data.dataset.update(with_label=True)
    data.sampler.shuffle = data.drop_last = False
    run_on_two_processes(save_and_resume, settings, data)
    encoders = [
        load_encoder(tmp_path / f'work/{way}/epoch_2.pth').state_dict()
        for way in ('whole', 'divided')
    ]
    torch.testing.assert_close(*encoders)


def diverge(rank, config):
    config.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1e30))
    with pytest.raises(FloatingPointError, match='is nan at iteration 2'):
        train(config, 'ConMIM', CONMIM, sharding=True)
    if rank == 0:
        weights = load_file(Path(config.work_dir, 'black_box/model.pth'))['state_dict']
        assert weights['backbone.layers.0.ffn.layers.1.weight'].shape == (48, 96)


def test_a_step_that_is_not_finite_stops_all_and_leaves_whole_weights(settings):
    run_on_two_processes(diverge, settings)


def test_one_process_has_nothing_to_divide(settings):
    settings.launcher = 'none'
    runner, _ = train(settings, 'ConMIM', CONMIM, sharding=True)
    assert not any(map(is_divided, runner.model.parameters()))


def test_what_needs_whole_models_is_named():
    wrapper = OptimWrapper(torch.optim.Rprop([torch.nn.Parameter(torch.ones(1))]))
    config = dict(compile=True, default_hooks=dict(checkpoint=dict(out_dir='s3://bucket')))
    with pytest.raises(ValueError) as error:
        check_parts([wrapper], [EMAHook()], config)
    for part in ('Rprop, ', 'use Adam, AdamW, SGD', 'EMAHook, ', 'compile=False', 's3://bucket'):
        assert part in str(error.value)
