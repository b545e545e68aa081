"""A method is trained by whatever Runner or loop: the same weights, the EMA's among them."""

import copy
import os
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner as MMEngineRunner
from mmengine.runner._flexible_runner import FlexibleRunner
from mmpretrain.registry import MODELS
from test_ccmim import SMALL as CCMIM
from test_cmae import SMALL as CMAE
from test_masked_moco import BYOL, MOCO
from test_mimco import config_of as mimco
from test_mimco import teacher_file  # noqa: F401  a fixture
from test_moby import MULTI_TASK
from test_moby import SMALL as MOBY
from test_mocov3 import SMALL as MOCOV3

from conftest import SMALL as CONMIM
from conftest import GivenMask
from mcl_plugins.algorithms import PretrainingMethod, base
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.engine import Runner
from mcl_plugins.targets import following
from processes import run_on_two_processes

CONFIGS = {
    'ConMIM': CONMIM,
    'ccMIM': CCMIM,
    'CMAE': CMAE,
    'MoBY': MOBY,
    'SimMIM and MoBY': MULTI_TASK,
    'MoCo v3': MOCOV3,
    'MimCo': None,  # needs its teacher's file
    'Masked MoCo': MOCO,
    'Masked BYOL': BYOL,
}
OPTIMIZER = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9))


@pytest.fixture
def settings(training_config):
    """Two epochs of four iterations, of which two make a step, without our runtime's parts."""
    config = copy.deepcopy(training_config)
    config.train_cfg.max_epochs = 2
    config.optim_wrapper = dict(**OPTIMIZER, accumulative_counts=2)
    config.default_hooks.checkpoint = None
    config.randomness = dict(seed=3)
    config.custom_hooks = [dict(type='mcl_plugins.DrawsHook')]  # of our Runner by itself
    config.model = None
    return config


def trained(runner_type, config, model):
    """The runner and its model's weights, before and after a training."""
    config = copy.deepcopy(config)
    config.model = copy.deepcopy(model)
    config.experiment_name += runner_type.__module__
    runner = runner_type.from_cfg(config)
    runner.model.init_weights()
    before = copy.deepcopy(runner.model.state_dict())
    runner.model.init_weights = lambda: None  # already
    runner.train()
    return runner, before


def moved(before, after):
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize('method', CONFIGS)
def test_mmengines_runner_ends_in_the_weights_of_ours(settings, method, request):
    model = CONFIGS[method]
    if model is None:
        model = mimco(request.getfixturevalue('teacher_file')())
    ours, before = trained(Runner, settings, model)
    theirs, _ = trained(MMEngineRunner, settings, model)
    state = ours.model.state_dict()
    for name, value in theirs.model.state_dict().items():
        assert torch.equal(value, state[name]), name
    follows = {name for name in moved(before, state) if name.startswith('ema.')}
    assert bool(follows) == (ours.model.ema is not None) == (method != 'ccMIM')
    for name in follows & dict(ours.model.named_parameters()).keys():
        assert not torch.equal(state[name], state.get(name.removeprefix('ema.'), before[name]))


def test_the_average_is_what_the_schedule_says(settings):
    """Four steps, at iterations 1, 3, 5 and 7 of 8, each followed by hand."""
    runner = MMEngineRunner.from_cfg({**settings, 'model': copy.deepcopy(CONMIM)})
    model = runner.model
    model.init_weights()
    model.init_weights = lambda: None
    expected = {name: p.clone() for name, p in model.backbone.named_parameters()}
    wrapper = build_optim_wrapper(model, copy.deepcopy(settings.optim_wrapper))
    runner.optim_wrapper = wrapper
    iterations = iter((1, 3, 5, 7))

    def follow(optimizer, *_):
        momentum = model.ema.schedule(next(iterations), 8)
        for name, parameter in model.backbone.named_parameters():
            expected[name] = momentum * expected[name] + (1 - momentum) * parameter.detach()

    wrapper.optimizer.register_step_post_hook(follow)
    runner.train()
    assert next(iterations, None) is None
    for name, parameter in model.ema.backbone.named_parameters():
        torch.testing.assert_close(parameter, expected[name])


def test_the_runner_of_strategies_moves_the_average_too(settings):
    """FlexibleRunner's strategies call neither a model's own ``train_step`` nor our Runner."""
    model = MODELS.build(copy.deepcopy(CONMIM))
    model.init_weights()
    model.init_weights = lambda: None
    before = copy.deepcopy(model.ema.state_dict())
    steps = []
    model.ema.schedule = lambda step, total: steps.append((step, total)) or 0.9
    runner = FlexibleRunner(
        model,
        work_dir=settings.work_dir,
        train_dataloader=settings.train_dataloader,
        train_cfg=settings.train_cfg,
        optim_wrapper=settings.optim_wrapper,
        default_hooks=dict(checkpoint=None),
        default_scope='mmpretrain',
        experiment_name=f'{settings.experiment_name}-strategy',
        env_cfg={},
    )
    runner.train()
    assert steps == [(1, 8), (3, 8), (5, 8), (7, 8)]
    assert 'backbone.layers.0.attn.qkv.weight' in moved(before, model.ema.state_dict())


def test_the_runner_of_strategies_resumes_to_the_same_bits(settings):
    """Teacher, queue, step of the momentum, and draws are those of a training without a stop."""
    settings.default_hooks.checkpoint = dict(type='mcl_plugins.CheckpointHook', interval=1)
    settings.env_cfg = dict()
    settings.model = copy.deepcopy(MOBY)
    whole = FlexibleRunner.from_cfg(copy.deepcopy(settings))
    whole.train()
    settings.load_from = f'{settings.work_dir}/epoch_1.pth'
    settings.resume, settings.experiment_name = True, f'{settings.experiment_name}-resumed'
    settings.work_dir += '/resumed'
    resumed = FlexibleRunner.from_cfg(settings)
    resumed.train()
    assert resumed.iter == whole.iter == 8
    assert not moved(whole.model.state_dict(), resumed.model.state_dict())


def test_another_runner_says_which_guards_it_lacks(settings):
    base._warn_of_other_runner.cache_clear()
    theirs, _ = trained(MMEngineRunner, settings, CONMIM)
    (log,) = Path(theirs.log_dir).glob('*.log')
    assert log.read_text().count('does not use mcl_plugins.Runner') == 1
    base._warn_of_other_runner.cache_clear()
    # Runs that start in the same second would write to one log.
    settings.work_dir, settings.experiment_name = f'{settings.work_dir}/ours', 'ours'
    ours, _ = trained(Runner, settings, CONMIM)
    (log,) = Path(ours.log_dir).glob('*.log')
    assert 'does not use mcl_plugins.Runner' not in log.read_text()


def _train_on_two_processes(rank, config, folder):
    os.environ.update(WORLD_SIZE='2', RANK=str(rank), LOCAL_RANK=str(rank))
    for kind in (MMEngineRunner, FlexibleRunner):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            config.experiment_name += kind.__name__
            runner = kind.from_cfg(copy.deepcopy(config))
            runner.train()
        model = runner.model.module
        assert not torch.equal(model.ema.backbone.cls_token, model.backbone.cls_token)
        torch.save(model.state_dict(), f'{folder}/{kind.__name__}-{rank}.pth')


def test_two_processes_end_in_the_same_average(settings, tmp_path):
    """Under MMEngine's Runner and under DDPStrategy, whose weights are equal, too."""
    config = copy.deepcopy(settings)
    config.model = copy.deepcopy(CONMIM)
    config.launcher = 'pytorch'
    wrapper = dict(type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None)
    config.model_wrapper_cfg, config.env_cfg = wrapper, dict(dist_cfg=dict(backend='gloo'))
    config.strategy = dict(type='DDPStrategy', model_wrapper=wrapper)
    run_on_two_processes(_train_on_two_processes, config, str(tmp_path))
    states = [load_file(file) for file in tmp_path.glob('*Runner-?.pth')]
    assert len(states) == 4
    for state in states[1:]:
        for name, value in states[0].items():
            if 'running' not in name:  # BatchNorm statistics are each process's own
                assert torch.equal(value, state[name]), name


class Loop:
    """A loop in Python over fixed batches, every second of which makes a step."""

    def __init__(self, config=CONMIM, batches=8):
        torch.manual_seed(5)
        self.model = MODELS.build(copy.deepcopy(config))
        self.model.init_weights()
        self.model.mask_generator = GivenMask(torch.arange(16).expand(4, -1) >= 4)
        self.optimizer = torch.optim.SGD(
            [p for p in self.model.parameters() if p.requires_grad], lr=0.1, momentum=0.9
        )
        self.batches = [[torch.randn(4, 3, 32, 32) for _ in range(2)] for _ in range(batches)]

    def run(self, progress=True):
        model = self.model
        for iteration, views in enumerate(self.batches):
            loss, _ = model.parse_losses(model.loss(views))
            (loss / 2).backward()
            if iteration % 2:
                if progress:
                    model.set_progress(iteration, len(self.batches))
                self.optimizer.step()
                self.optimizer.zero_grad()
        return {name: value.clone() for name, value in model.state_dict().items()}


class Batches(torch.utils.data.Dataset):
    """The loop's batches for a Runner, which stacks nothing."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return dict(inputs=self.batches[index])


def test_a_loop_in_python_equals_the_runner(settings):
    loop = Loop()
    model = copy.deepcopy(loop.model)
    model.data_preprocessor = torch.nn.Identity()  # the batches are views
    model.data_preprocessor.forward = lambda data, training: data
    model.init_weights = lambda: None
    loader = torch.utils.data.DataLoader(Batches(loop.batches), collate_fn=lambda items: items[0])
    runner = MMEngineRunner(
        model,
        settings.work_dir,
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(**OPTIMIZER, accumulative_counts=2),
        default_hooks=dict(checkpoint=None),
        randomness=dict(seed=0),
        experiment_name=f'{settings.experiment_name}-loop',
    )
    state = loop.run()
    runner.train()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, state[name])


def test_a_loop_that_does_not_say_where_it_is_is_refused():
    with pytest.raises(RuntimeError, match=r'call model\.set_progress\(step, total\) before'):
        Loop().run(progress=False)


def test_a_runner_of_before_does_not_count_for_a_loop(settings):
    """MMEngine's hub keeps the last iteration of a training that is over."""
    trained(MMEngineRunner, settings, CONMIM)
    assert MessageHub.get_current_instance().get_info('iter') == 7
    with pytest.raises(RuntimeError, match='progress of the training, which is unknown'):
        Loop().run(progress=False)


def test_an_iteration_that_does_not_advance_is_refused(monkeypatch):
    hub = MessageHub.get_instance('stale')
    hub.update_info_dict(dict(loop_stage='train', iter=4, max_iters=10))
    monkeypatch.setattr(MessageHub, 'get_current_instance', lambda: hub)
    loop = Loop()
    with pytest.raises(RuntimeError, match='progress of the training, which is unknown'):
        loop.run(progress=False)
    moved_once = loop.model.ema.backbone.cls_token
    assert not torch.equal(moved_once, Loop().model.ema.backbone.cls_token)


def test_a_loop_without_steps_that_we_see_is_refused():
    """An optimizer of copies of the parameters, whose values are written back."""
    loop = Loop()
    copies = [p.detach().clone() for p in loop.model.parameters() if p.requires_grad]
    loop.optimizer = torch.optim.SGD([p.requires_grad_() for p in copies], lr=0.1)

    def write_back(*_):
        for own, copied in zip(
            (p for p in loop.model.parameters() if p.requires_grad), copies, strict=True
        ):
            with torch.no_grad():
                own.copy_(copied)

    loop.optimizer.register_step_post_hook(write_back)
    with pytest.raises(RuntimeError, match='The weights changed since the EMA was last updated'):
        loop.run()


def test_steps_that_no_counter_shows_are_seen():
    """Partitioned optimizers write weights through ``.data``, which counts as no change."""
    loop = Loop(batches=4)
    loop.model.loss(loop.batches[0])
    loop.model.loss(loop.batches[1])  # accumulated: nothing has changed
    for parameter in loop.model.backbone.parameters():
        parameter.data.mul_(0.9)
    with pytest.raises(RuntimeError, match=r'The weights changed .*ZeRO, float16'):
        loop.model.loss(loop.batches[2])


def test_steps_that_do_not_come_are_missed_at_last(monkeypatch):
    monkeypatch.setattr(following, 'PATIENCE', 3)
    loop = Loop(batches=4)
    for views in loop.batches[:3]:
        loop.model.loss(views)
    with pytest.raises(
        RuntimeError, match='3 training passes were made since the EMA was last updated'
    ):
        loop.model.loss(loop.batches[3])


def test_an_optimizer_of_a_part_is_refused():
    loop = Loop()
    loop.optimizer = torch.optim.SGD(loop.model.neck.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match='of one optimizer that holds all of them'):
        loop.run()


def test_loaded_weights_are_not_taken_for_training():
    loop = Loop()
    state = copy.deepcopy(loop.model.state_dict())
    for _ in range(2):
        loop.model.loss(loop.batches[0])
        loop.model.load_state_dict(state)
    loop.run()


def test_a_copy_is_another_training():
    """Also one that is made in the middle, with the counters of the original's parameters."""
    loop = Loop()
    loop.run()
    loop.model.loss(loop.batches[0])
    clone = copy.deepcopy(loop.model)
    clone.loss(loop.batches[0])
    before = copy.deepcopy(loop.model.ema.state_dict())
    optimizer = torch.optim.SGD([p for p in clone.parameters() if p.requires_grad], lr=0.1)
    clone.set_progress(0, 10)
    clone.loss(loop.batches[0])['loss_contrast'].backward()
    optimizer.step()
    assert moved(before, clone.ema.state_dict())
    assert not {name for name in moved(before, loop.model.ema.state_dict()) if 'bn' not in name}


def test_a_skipped_step_of_a_fused_optimizer_leaves_the_average():
    loop = Loop(batches=2)
    trained = [p for p in loop.model.parameters() if p.requires_grad]
    loop.optimizer = torch.optim.SGD(trained, lr=0.1, fused=True)
    before = copy.deepcopy(loop.model.ema.backbone.state_dict())
    loop.optimizer.found_inf = torch.tensor([1.0])  # as a gradient scaler sets it
    loop.run()
    assert not moved(before, loop.model.ema.backbone.state_dict())
    loop.optimizer.found_inf = torch.tensor([0.0])
    loop.run()
    assert moved(before, loop.model.ema.backbone.state_dict())


def test_a_step_that_a_gradient_scaler_skips_moves_nothing():
    loop = Loop(batches=2)
    scaler = torch.amp.GradScaler('cpu', init_scale=2.0)
    loop.model.set_progress(0, 10)
    before = copy.deepcopy(loop.model.ema.backbone.state_dict())
    for broken in (True, False):
        scaler.scale(loop.model.loss(loop.batches[0])['loss_contrast']).backward()
        if broken:
            loop.model.backbone.cls_token.grad.fill_(torch.inf)
        scaler.step(loop.optimizer)
        scaler.update()
        loop.optimizer.zero_grad()
        assert bool(moved(before, loop.model.ema.backbone.state_dict())) != broken


def test_views_are_checked_when_the_model_is_built(settings):
    """Also where the Runner hands the model its preprocessor from the top of the config."""
    settings.model = {k: v for k, v in CONMIM.items() if k != 'data_preprocessor'}
    settings.data_preprocessor = {**CONMIM['data_preprocessor'], 'views': [[], [], []]}
    message = r'ConMIM takes 2 views \(student, teacher\), but data_preprocessor\.views has 3: give'
    with pytest.raises(ValueError, match=message):
        MMEngineRunner.from_cfg(settings)


def test_a_method_may_not_replace_the_checks():
    with pytest.raises(TypeError, match=r'Silent must define losses\(\), not loss\(\)'):

        class Silent(PretrainingMethod):
            def loss(self, inputs, data_samples=None):
                return {}
