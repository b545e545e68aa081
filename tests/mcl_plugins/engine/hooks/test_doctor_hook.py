"""The doctor's hook: when it looks, what it costs, and that it says a thing once."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from conftest import MOCO_MLP, PIXEL_HEAD, ROOT, SMALL_DECODER, SMALL_VIT, GivenMask
from mcl_plugins.engine.doctor.chart import Chart, Facts, Look
from mcl_plugins.engine.doctor.illnesses import judge
from mcl_plugins.engine.doctor.senses import Senses
from mcl_plugins.engine.hooks import DoctorHook, ProbeHook
from mcl_plugins.engine.identity import loads_weights
from mcl_plugins.engine.runner import Runner
from mcl_plugins.evaluation.recall import Recall
from mcl_plugins.heads import InfoNCEHead, PatchContrastHead
from processes import mcl


class NoOperation(TorchDispatchMode):
    """Refuses every operation of PyTorch."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise AssertionError(f'{func} in a step without a line of the log')


class Watched(DoctorHook):
    """Counts its looks, and does nothing else than the hook."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        super().before_train_iter(runner, batch_idx, data_batch)
        self.opened = [*getattr(self, 'opened', []), len(runner.model.head._forward_pre_hooks)]

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self._is_due(runner, batch_idx):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
            return
        with NoOperation():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)


def test_it_looks_at_logged_steps_and_does_nothing_in_the_others(training_config):
    training_config.default_hooks.logger.interval = 2
    runner = Runner.from_cfg(training_config)
    hook = Watched()
    runner.register_hook(hook)
    runner.train()
    assert hook.opened == [0, 1, 0, 1]
    assert [look.step for look in hook._chart.looks] == [2, 4]
    (file,) = Path(runner.log_dir).glob('vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [1 < row['key_rank'] <= 16 for row in rows] == [True, True]
    assert all(row['ema_distance'] > 0 and row['weight_change'] > 0 for row in rows)
    (log,) = Path(runner.log_dir).glob('*.log')
    assert log.read_text().count('Doctor: the training was too short to be judged: ') == 1
    assert 'the pocket benchmark has no run of ConMIM that is no longer' in log.read_text()


@pytest.fixture(params=[False, True], ids=['stored', 'recomputed'])
def small_ccmim(request):
    """A ccMIM with BatchNorm in its projector, images, and a fixed mask of half of the patches."""
    hidden = torch.arange(16).expand(4, -1) % 2 == 0
    model = MODELS.build(
        dict(
            type='mcl_plugins.CcMIM',
            backbone={**SMALL_VIT, 'with_cp': request.param},
            decoder=SMALL_DECODER,
            projector=dict(**MOCO_MLP, in_channels=48),
            pixel_head=PIXEL_HEAD,
            contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.2),
            mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.5),
        )
    )
    model.init_weights()
    model.mask_generator = GivenMask(hidden)
    return model, [torch.randn(4, 3, 32, 32)]


def test_the_share_of_a_loss_is_that_of_its_own_gradient_and_changes_nothing(small_ccmim):
    model, images = small_ccmim
    plain = copy.deepcopy(model)
    senses = Senses(model)
    senses.open()
    losses = model(images, mode='loss')
    found = senses.read(stepped=False)
    (losses['loss_pixel'] + losses['loss_contrast']).backward()
    norms = {}
    for name in ('loss_pixel', 'loss_contrast'):
        plain.zero_grad()
        plain(images, mode='loss')[name].backward()
        weights = [p for p in plain.backbone.parameters() if p.ndim > 1 and p.grad is not None]
        norms[name.removeprefix('loss_')] = weights[-1].grad.norm().item()
    for name, norm in norms.items():
        assert found[f'grad_share_{name}'] == pytest.approx(norm / sum(norms.values()), rel=1e-4)
    plain.zero_grad()
    losses = plain(images, mode='loss')
    (losses['loss_pixel'] + losses['loss_contrast']).backward()
    for watched, unwatched in zip(model.parameters(), plain.parameters(), strict=True):
        assert (watched.grad is None) == (unwatched.grad is None)
        if watched.grad is not None:
            torch.testing.assert_close(watched.grad, unwatched.grad)


def test_a_divided_model_is_left_alone(small_ccmim, monkeypatch):
    monkeypatch.setattr('mcl_plugins.engine.doctor.senses.is_divided', lambda _: True)
    model, images = small_ccmim
    senses = Senses(model)
    senses.open()
    model(images, mode='loss')
    found = senses.read(stepped=False)
    assert 'alignment' in found and not [name for name in found if name.startswith('grad_share')]


def test_two_processes_compute_the_gradients_of_the_losses_together(images, tmp_path):
    """The gradients pass through a SyncBN, whose processes wait for each other."""
    options = [
        f'train_dataloader.dataset.data_root={images}',
        'train_dataloader.batch_size=4',
        'train_dataloader.num_workers=0',
        'train_cfg.max_epochs=3',
        'default_hooks.logger.interval=1',
    ]
    config = ROOT / 'configs/quickstart/cmae.py'
    words = ['--work-dir', tmp_path / 'work', '--cfg-options', *options]
    result = mcl('train', config, *words, processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    (file,) = tmp_path.glob('work/*/vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    shares = [row['grad_share_pixel'] + row['grad_share_contrast'] for row in rows]
    assert shares == pytest.approx([1] * 6, abs=1e-4)


class StopAfterEpoch(Hook):
    """Ends a training after its first checkpoint."""

    priority = 'LOWEST'

    def after_train_epoch(self, runner):
        raise InterruptedError


def test_what_was_said_is_said_once_and_again_at_the_end_also_after_a_resumption(training_config):
    config = training_config
    config.custom_hooks = [dict(type='mcl_plugins.DoctorHook', interval=1)]
    config.model.data_preprocessor.views = [[], []]
    config.train_cfg.max_epochs = 2
    runner = Runner.from_cfg(config)
    runner.register_hook(StopAfterEpoch())
    with pytest.raises(InterruptedError):
        runner.train()
    config.update(resume=True, experiment_name=f'{config.experiment_name}-again')
    runner = Runner.from_cfg(config)
    runner.train()
    said = said_in(config.work_dir)  # both logs, which may be one within a second
    assert said == ['  step 4: ', 'Doctor, step 4: ']
    (verdict,) = json.loads(Path(config.work_dir, 'doctor.json').read_text())
    assert verdict['illness'] == 'same views' and verdict['step'] == 4
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, DoctorHook)]
    assert hook._chart.facts.start == 4 and not hook._chart.facts.loaded


def said_in(work_dir):
    """How the lines of all logs begin that name the views."""
    lines = [
        line for log in Path(work_dir).glob('*/*.log') for line in log.read_text().splitlines()
    ]
    named = [line.rpartition(' - ')[2] for line in lines if 'The views of each' in line]
    return sorted(line.partition('The views')[0] for line in named)


def test_a_judgement_that_fails_ends_no_training(training_config, monkeypatch):
    def fail(chart):
        raise KeyError('fallen')

    monkeypatch.setattr('mcl_plugins.engine.hooks.doctor.judge', fail)
    training_config.custom_hooks = [dict(type='mcl_plugins.DoctorHook')]
    runner = Runner.from_cfg(training_config)
    runner.train()
    assert runner.iter == runner.max_iters
    (log,) = Path(training_config.work_dir).glob('*/*.log')
    assert 'Doctor: this look failed; the training goes on.' in log.read_text()
    assert "KeyError: 'fallen'" in log.read_text()


class OtherHead(PatchContrastHead):
    """A head of other code, which is called by names."""

    def forward(self, query, key, mask=None):
        return {'loss': (query - key).square().mean()}


def test_a_head_that_is_called_by_names_is_seen():
    model = nn.ModuleDict({'head': OtherHead(0.1)})
    senses = Senses(model)
    senses.open()
    model['head'](key=torch.eye(5)[None], query=torch.eye(5)[None])
    assert senses.read(stepped=False)['query_rank'] == pytest.approx(5)


def test_what_cannot_be_seen_ends_no_step_and_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(
        'mcl_plugins.engine.doctor.senses.print_log', lambda text, **_: said.append(text)
    )
    model = nn.ModuleDict({'head': OtherHead(0.1)})
    senses = Senses(model)
    for _ in range(2):
        senses.open()
        assert model['head'](torch.tensor(1.0), torch.tensor(1.0))['loss'] == 0  # no features
        assert 'query_rank' not in senses.read(stepped=False)
    assert len(said) == 1 and said[0].startswith('Doctor: a part of this look failed (')


def test_no_patience_is_an_error():
    with pytest.raises(ValueError, match='patience=0'):
        DoctorHook(patience=0)


def test_gradients_that_are_still_summed_up_are_no_step(training_config):
    training_config.optim_wrapper.accumulative_counts = 2
    training_config.default_hooks.logger.interval = 1
    runner = Runner.from_cfg(training_config)
    hook = DoctorHook()
    runner.register_hook(hook)
    runner.train()
    seen = ['weight_change' in look.values for look in hook._chart.looks]
    assert seen == [False, True, False, True]
    assert torch.isfinite(torch.tensor([look.values['loss'] for look in hook._chart.looks])).all()


def test_a_teacher_that_rests_while_gradients_are_summed_up_is_not_frozen(training_config):
    training_config.optim_wrapper.accumulative_counts = 4
    training_config.model.momentum = dict(start=0.9, end=0.9)
    training_config.train_cfg.max_epochs = 2
    runner = Runner.from_cfg(training_config)
    hook = DoctorHook(interval=1, patience=4)
    runner.register_hook(hook)
    runner.train()
    looks = list(hook._chart.looks)
    known = {look.step: look.values['ema_moved'] for look in looks if 'ema_moved' in look.values}
    assert known == {4: 1.0, 8: 1.0}
    assert all('ema_distance' in look.values for look in looks)
    assert 'frozen teacher' not in {part['illness'] for part in hook.verdicts}


@pytest.mark.parametrize(
    ('key', 'prefix', 'loaded'),
    [
        ('load_from', None, True),
        ('model.init_cfg.checkpoint', None, True),
        ('model.backbone.init_cfg.checkpoint', 'backbone.', True),
        ('model.neck.init_cfg.checkpoint', 'neck.', False),  # the encoder begins at random
    ],
)
def test_a_start_from_weights_is_known(training_config, tmp_path, key, prefix, loaded):
    Runner.from_cfg(training_config).train()
    config = copy.deepcopy(training_config)
    section = key.rpartition('.')[0]
    if section:
        config.merge_from_dict({section: dict(type='Pretrained', _delete_=True)})
    if prefix:
        config.merge_from_dict({f'{section}.prefix': prefix})
    config.merge_from_dict({key: f'{config.work_dir}/epoch_1.pth'})
    config.update(work_dir=str(tmp_path / 'next'), experiment_name=f'{tmp_path.name}-next')
    runner = Runner.from_cfg(config)
    hook = DoctorHook(patience=2)
    runner.register_hook(hook)
    runner.train()
    facts = hook._chart.facts
    assert facts.loaded == loaded and facts.sees_beginning != loaded and not facts.start


@pytest.mark.parametrize('file', ['mae.pth', ''])
def test_a_resumed_training_that_began_with_weights_is_known(file):
    """The commands note the encoder's file, and load_from is what is resumed from."""
    start_files = {'model.backbone.init_cfg.checkpoint': file, 'model.teacher.checkpoint': 't.pth'}
    config = Config(dict(resume=True, load_from='epoch_3.pth', start_files=start_files))
    assert loads_weights(config) == bool(file)


def validate(hook, predicted, labels, done=5):
    """Show a hook the second validation of a training, in batches of 7; return what it noted."""
    hook._chart = hook._chart or Chart(Facts(steps=10), patience=2)
    runner = SimpleNamespace(iter=done, max_iters=10)
    samples = [
        DataSample().set_pred_label(int(one)).set_gt_label(int(other))
        for one, other in zip(predicted, labels, strict=True)
    ]
    for start in range(0, len(samples), 7):
        hook.after_val_iter(runner, start // 7, None, samples[start : start + 7])
    hook.after_val_epoch(runner, {'accuracy/top1': 100 * float(np.mean(predicted == labels))})
    return hook._accuracies


RARE = np.array([0] * 280 + [1] * 20)  # labels of which 93 % are of one class


@pytest.mark.parametrize(('done', 'noted'), [(4, False), (5, True)])
def test_a_validation_in_the_second_half_is_compared_with_chance(done, noted):
    predicted = np.array([0] * 196 + [1] * 84 + [0] * 6 + [1] * 14)  # 70 % of each class
    found = validate(DoctorHook(), predicted, RARE, done)
    assert bool(found) is noted
    if noted:  # although naming the most frequent class is right in 93 %
        assert found['accuracy/top1'] == pytest.approx(70)
        assert found['recall_accuracy/top1'] == pytest.approx(70)
        assert found['expected_recall_accuracy/top1'] == pytest.approx(50)
        assert found['above_chance_accuracy/top1'] > 3


@pytest.mark.parametrize(
    ('predicted', 'ill'),
    [
        (RARE, False),
        (np.arange(300) % 2, True),  # of other images
        (np.zeros(300, int), True),  # always the most frequent class, with an accuracy of 93 %
        (np.where(np.arange(300) % 3, RARE, 1), False),  # an accuracy of 69 %
    ],
)
def test_rare_classes_are_no_illness(predicted, ill):
    chart = Chart(Facts(steps=10), patience=2)
    for step in (5, 10):
        chart.add(Look(step, dict(validate(DoctorHook(), predicted, RARE))))
    assert [verdict.illness for verdict in judge(chart)] == ['labels'] * ill


@pytest.mark.parametrize(
    ('predicted', 'labels'),
    [
        ([0, 1] * 3, [0, 1] * 3),  # too few images to tell
        ([0] * 300, [0] * 300),  # one class
    ],
)
def test_what_no_validation_could_tell_is_not_judged(predicted, labels):
    assert not validate(DoctorHook(), np.array(predicted), np.array(labels))


@pytest.mark.parametrize(('done', 'noted'), [(4, False), (5, True)])
def test_a_probe_in_the_second_half_is_compared_with_chance(done, noted):
    probe = ProbeHook({}, {})
    probe.accuracies = {'knn_20': 70.0}
    probe.recalls = {'knn_20': Recall(mean=0.7, chance=0.5, deviation=0.03)}
    hook = DoctorHook()
    hook._note_probes(SimpleNamespace(hooks=[probe], iter=done, max_iters=10))
    assert ('above_chance_knn_20' in hook._accuracies) is noted


def test_the_head_of_a_classifier_may_grow():
    """It begins at a standard deviation of 0.01, as that of a linear probe."""
    model = torch.nn.ModuleDict(dict(backbone=torch.nn.Linear(4, 4), head=torch.nn.Linear(4, 4)))
    torch.nn.init.normal_(model['head'].weight, std=0.01)
    for frozen in (False, True):
        model['backbone'].requires_grad_(not frozen)
        senses = Senses(model)
        senses.open()
        with torch.no_grad():
            model['head'].weight.mul_(100)
        found = senses.read(stepped=True)
        assert found['weight_change'] > 0.1
        assert found.get('weight_growth') == (None if frozen else pytest.approx(1))


@pytest.mark.parametrize(('rows', 'known'), [(1, False), (3, False), (4, True)])
def test_the_rank_of_less_than_four_features_says_nothing(rows, known):
    model = torch.nn.ModuleDict({'head': InfoNCEHead(0.2)})
    senses = Senses(model)
    senses.open()
    model['head'](torch.randn(rows, 8), torch.randn(rows, 8))
    found = senses.read(stepped=False)
    ranks = ['query_rank', 'key_rank', 'query_spread']
    assert [name for name in ranks if name in found] == (ranks if known else [])
    assert 'alignment' in found and 'uniformity' in found


def test_labels_of_another_kind_are_left_alone():
    hook = DoctorHook()
    hook._chart = Chart(Facts(steps=10), patience=2)
    runner = SimpleNamespace(iter=9, max_iters=10)
    several = DataSample().set_pred_label([0, 1]).set_gt_label([0, 1])
    for outputs in (None, [], [several] * 9, [SimpleNamespace(pred_sem_seg=None)]):
        hook.after_val_iter(runner, 0, None, outputs)
    hook.after_val_epoch(runner, {'accuracy/top1': 50.0})
    assert not hook._accuracies
