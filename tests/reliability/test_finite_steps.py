"""No weight, moment, average or buffer takes a step that is not finite."""

import re

import pytest
import torch
from faulty import BLACK  # registers the model and the data
from mmengine.config import Config
from mmengine.hooks import Hook

from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.engine.finite import guard
from mcl_plugins.engine.hooks import FiniteLossHook
from mcl_plugins.engine.runner import Runner

BAD = BLACK // 2 + 1  # iteration of the bad step on one process


def configure(folder, fault='none', indices=range(16), **hook):
    return Config(
        dict(
            default_scope='mmpretrain',
            work_dir=str(folder),
            experiment_name=str(folder).replace('/', '_'),
            model=dict(type='Faulty', fault=fault),
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='pseudo_collate'),
                dataset=dict(type='Squares', indices=list(indices)),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.1)),
            default_hooks=dict(
                checkpoint=dict(type='mcl_plugins.CheckpointHook', interval=1),
                finite_loss=dict(type='mcl_plugins.FiniteLossHook', **hook),
            ),
            log_level='ERROR',
        )
    )


def state_of(runner):
    """Weights, EMA and buffers, and moments and counters of the optimizer."""
    moments = {
        f'moment {index} {name}': value
        for index, state in enumerate(runner.optim_wrapper.optimizer.state.values())
        for name, value in state.items()
    }
    return {**runner.model.state_dict(), **moments}


def train(config):
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


@pytest.fixture(params=['cpu', 'device'])
def kind(request, monkeypatch):
    """Both ways: the verdict is read at once, or the fused optimizer reads it on the device."""
    if request.param == 'device':
        monkeypatch.setattr(guard, 'fuse', lambda optimizer: True)
    return request.param


def on(kind, config):
    if kind == 'device':
        config.optim_wrapper.optimizer.fused = True  # of the CPU here
    return config


@pytest.mark.parametrize('fault', ['block', 'loss', 'gradient', 'buffer'])
def test_a_skipped_step_is_as_if_its_batch_had_not_been(tmp_path, kind, fault):
    """Bit by bit: weights, EMA, BatchNorm, queue, moments and the counters of steps."""
    others = [index for index in range(16) if index // 2 != BLACK // 2]
    clean = train(on(kind, configure(tmp_path / 'clean', fault, others)))
    config = on(kind, configure(tmp_path / 'skips', fault, max_bad_steps=1))
    skipping = train(config)
    wanted, found = state_of(clean), state_of(skipping)
    assert wanted.keys() == found.keys()
    for name in wanted:
        assert torch.equal(wanted[name].nan_to_num(), found[name].nan_to_num()), name
    assert skipping.message_hub.get_info('bad_steps') == 1
    assert (
        load_file(tmp_path / 'skips/epoch_1.pth')['message_hub']['runtime_info']['bad_steps'] == 1
    )


def test_skipped_steps_are_counted_in_the_log(tmp_path):
    config = configure(tmp_path, 'block', max_bad_steps=2)
    config.log_level = 'INFO'
    config.train_cfg.max_epochs = 3
    with pytest.raises(FloatingPointError, match=rf'at iteration {BAD + 16}\b'):
        train(config)
    (log,) = tmp_path.glob('*/*.log')
    text = log.read_text()
    for count, iteration in ((1, BAD), (2, BAD + 8)):
        what = rf'nan at iteration {iteration} \(loss_mean\); a buffer is not finite\. The step is '
        assert re.search(rf'{what}skipped \({count} of at most 2\)', text)


@pytest.mark.parametrize('fault', ['block', 'gradient'])
def test_the_training_stops_before_the_first_bad_step(tmp_path, kind, fault):
    others = [index for index in range(16) if index // 2 < BLACK // 2]
    before = train(on(kind, configure(tmp_path / 'before', fault, others)))
    runner = Runner.from_cfg(on(kind, configure(tmp_path / 'stops', fault)))
    with pytest.raises(FloatingPointError, match=rf'at iteration {BAD}\b.*The step was not taken'):
        runner.train()
    wanted, found = state_of(before), state_of(runner)
    for name in wanted:
        assert torch.equal(wanted[name].nan_to_num(), found[name].nan_to_num()), name
    assert not list((tmp_path / 'stops').glob('*.pth'))


def test_ordinary_steps_are_the_same_with_and_without_the_hook(tmp_path):
    guarded = state_of(train(configure(tmp_path / 'with')))
    config = configure(tmp_path / 'without')
    del config.default_hooks['finite_loss']
    plain = state_of(train(config))
    for name, value in plain.items():
        assert torch.equal(value.nan_to_num(), guarded[name].nan_to_num()), name


def test_one_bad_pass_of_an_accumulated_step_spoils_the_step(tmp_path):
    config = configure(tmp_path / 'accumulated', 'loss', max_bad_steps=1)
    config.optim_wrapper.accumulative_counts = 3  # steps after 3, 6 and 8 passes; the second is bad
    found = train(config)
    assert found.message_hub.get_info('bad_steps') == 1
    (steps,) = {state['step'].item() for state in found.optim_wrapper.optimizer.state.values()}
    assert steps == 2


@pytest.fixture
def scaled(monkeypatch, tmp_path):
    """Configs with a gradient scaler; it is one of the CPU here."""
    module = 'mmengine.optim.optimizer.amp_optimizer_wrapper'
    monkeypatch.setattr(f'{module}.is_cuda_available', lambda: True)
    monkeypatch.setattr(f'{module}.GradScaler', lambda: torch.amp.GradScaler('cpu'))

    def make(fault, **settings):
        config = configure(tmp_path, fault, **settings)
        config.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
        return config

    return make


def test_an_overflow_of_a_gradient_scaler_is_no_error(scaled):
    runner = train(scaled('gradient'))
    assert runner.message_hub.get_info('bad_steps') is None
    (steps,) = {state['step'].item() for state in runner.optim_wrapper.optimizer.state.values()}
    assert steps == 7 and runner.optim_wrapper.loss_scaler.get_scale() == 2.0**15


@pytest.mark.parametrize('fault', ['block', 'loss'])
def test_a_loss_under_a_gradient_scaler_stops_too(scaled, fault):
    """Whether the scaler skips the step because of the gradient, or would take it."""
    with pytest.raises(FloatingPointError, match=rf'at iteration {BAD}\b.*or without --amp'):
        train(scaled(fault))


def test_overflows_without_end_stop(scaled):
    """A smaller scale does not help against a gradient that is no number."""
    config = scaled('gradient', indices=[BLACK] * 50, max_bad_steps=5)
    with pytest.raises(FloatingPointError, match=r'step after step, is not finite at iteration 20'):
        train(config)


class Spoil(Hook):
    """Makes something not finite after the eighth iteration, the last before it is saved."""

    def __init__(self, spoil):
        self.spoil = spoil

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == 7:
            self.spoil(runner)


def weight(runner):
    runner.model.head.register_parameter('lost', torch.nn.Parameter(torch.tensor([torch.inf])))


def moment(runner):
    state = next(iter(runner.optim_wrapper.optimizer.state.values()))
    state['exp_avg_sq'].fill_(torch.inf)


def buffer(runner):
    runner.model.norm.running_var[1] = torch.nan


@pytest.mark.parametrize(
    ('spoil', 'name'),
    [
        (weight, 'head.lost is'),
        (buffer, 'norm.running_var is'),
        (moment, 'exp_avg_sq of the optimizer is'),
    ],
)
def test_nothing_that_is_not_finite_is_saved(tmp_path, spoil, name):
    """A buffer that the new model has as NaNs does not count."""
    runner = Runner.from_cfg(configure(tmp_path))
    runner.register_hook(Spoil(spoil))
    with pytest.raises(FloatingPointError, match=f'{name} not finite'):
        runner.train()
    assert not list(tmp_path.glob('*.pth'))


def test_the_advice_fits_the_state(tmp_path):
    """Without a checkpoint none is named; clipping is not advised where it is on."""
    with pytest.raises(FloatingPointError) as none:
        train(configure(tmp_path / 'none', 'block'))
    text = str(none.value)
    assert 'No checkpoint was written yet' in text and '--resume' not in text
    assert 'clip_grad.max_norm=1' in text and '--amp' not in text
    assert 'max_bad_steps=3' in text and f'mcl replay {tmp_path}/none/black_box' in text
    config = configure(tmp_path / 'some', 'block')
    config.train_cfg = dict(by_epoch=False, max_iters=8)
    config.default_hooks.checkpoint.update(by_epoch=False, interval=4)
    config.optim_wrapper.clip_grad = dict(max_norm=1.0)
    with pytest.raises(FloatingPointError) as some:
        train(config)
    text = str(some.value)
    assert f'Continue from {tmp_path}/some/iter_4.pth with --resume.' in text
    assert 'clip_grad' not in text and 'No checkpoint' not in text


def test_a_box_that_cannot_be_written_hides_nothing(tmp_path):
    (tmp_path / 'black_box').write_text('a file of the name')
    with pytest.raises(FloatingPointError, match=r'loss is nan.*could not be written'):
        train(configure(tmp_path, 'block'))


def test_refuses_to_skip_a_negative_number_of_steps():
    with pytest.raises(ValueError, match='max_bad_steps=-1 must be at least 0'):
        FiniteLossHook(max_bad_steps=-1)
