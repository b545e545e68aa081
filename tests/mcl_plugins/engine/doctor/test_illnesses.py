"""Each illness on a training that is made ill in this way, and none on healthy ones."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import runs
import torch
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import ROOT, SMALL
from mcl_plugins.algorithms import ConMIM
from mcl_plugins.engine.doctor import gather, reference
from mcl_plugins.engine.doctor.chart import Chart, Facts, Look
from mcl_plugins.engine.doctor.gather import _compares_images, _share_of_copies, reference_of
from mcl_plugins.engine.doctor.illnesses import judge
from mcl_plugins.engine.doctor.reference import Reference
from mcl_plugins.engine.doctor.words import describe_health, describe_reference
from mcl_plugins.engine.hooks import DoctorHook
from mcl_plugins.engine.runner import Runner
from mcl_plugins.heads import InfoNCEHead, PatchContrastHead
from mcl_plugins.targets import EMA
from mcl_plugins.targets.frozen_teacher import FrozenTeacher

METHODS = sorted(
    file.name.removesuffix('_finetune.py')
    for file in (ROOT / 'configs/quickstart').glob('[!s]*_finetune.py')
)


@pytest.mark.parametrize('method', [*METHODS, 'mimco_teacher'])
def test_healthy_trainings_of_all_methods_are_left_in_peace(method, tmp_path, monkeypatch):
    monkeypatch.setattr(FrozenTeacher, 'is_init', True)  # its weights do not matter
    hook = runs.train(runs.read(method), tmp_path)
    assert hook.verdicts == []
    now = hook._chart.now
    level = '_patch' if method == 'mimco' else ''
    assert now[f'key_rank{level}'] > 4 and now[f'query_rank{level}'] > 4
    assert 0 < now[f'alignment{level}'] < 2.5 and -8 < now[f'uniformity{level}'] < -0.1
    shares = [value for name, value in now.items() if name.startswith('grad_share_')]
    assert len(shares) == (2 if method in ('ccmim', 'cmae', 'mimco') else 0)
    assert not shares or sum(shares) == pytest.approx(1)
    assert 0 < now['weight_change'] < 0.02


ILL = {  # options of the config of ConMIM -> what is said, and words of it
    'model.head.temperature=5.0': ({'temperature', 'chance'}, '=5 is too high: with 15 negatives'),
    'model.head.temperature=0.001': (
        {'temperature', 'above chance', 'clipped gradients'},
        '=0.001 is too low',
    ),
    'model.head.temperature=1.0': ({'chance'}, 'within 1% of chance for 15 steps'),
    'optim_wrapper.optimizer.lr=0.1': ({'high learning rate', 'above chance'}, 'is too high'),
    'optim_wrapper.optimizer.lr=1e-10': ({'low learning rate'}, '100% of the highest'),
    'optim_wrapper.clip_grad.max_norm=0.001': ({'clipped gradients'}, 'clip_grad.max_norm=0.001'),
    'model.momentum=dict(start=1.0, end=1.0)': ({'frozen teacher'}, 'has not moved'),
    'model.momentum=dict(start=0.99, end=0.99)': ({'slow teacher'}, '74% of the teacher'),
    'model.mask_generator.mask_ratio=0.05': ({'empty masks'}, 'hide 6% of the patches'),
    'model.data_preprocessor.views=[[], []]': ({'same views'}, 'are identical'),
    'model.data_preprocessor.std=[1.0, 1.0, 1.0]': ({'normalisation'}, 'standard deviation'),
}
# Those that have to last.
LASTING = {
    'chance',
    'above chance',
    'clipped gradients',
    'high learning rate',
    'low learning rate',
    'slow teacher',
}


@pytest.mark.parametrize('option', ILL)
def test_what_makes_a_training_ill_is_named_with_a_remedy(option, tmp_path):
    expected, words = ILL[option]
    key, _, value = option.partition('=')
    config = runs.read('conmim')
    config.merge_from_dict({key: eval(value)})  # of the table above
    at_once = not expected & LASTING
    hook = runs.train(config, tmp_path, steps=10 if at_once else 30)
    assert runs.illnesses(hook) == expected
    said = [verdict['text'] for verdict in hook.verdicts]
    assert any(words in text for text in said), said
    assert all(verdict['remedy'] for verdict in hook.verdicts)
    assert json.loads((tmp_path / 'doctor.json').read_text()) == hook.verdicts


@pytest.mark.parametrize('negatives', [15, 4095, 65536])
@pytest.mark.parametrize(
    ('value', 'said'),
    [(0.009, 'too low'), (0.07, ''), (0.5, ''), (1.0, ''), (20.0, 'too high')],
)
def test_no_temperature_of_a_paper_is_an_illness(value, said, negatives):
    """MoCo v3 trains its ResNet-50 with 1 and 4095 negatives, ccMIM its ViTs with 0.5."""
    facts = Facts(steps=1000, temperatures={'head': value}, negatives={'head': negatives})
    chart = Chart(facts, patience=100)
    chart.add(Look(50, {}))
    verdicts = list(judge(chart))
    assert len(verdicts) == bool(said)
    assert all(f'temperature={value:g} is {said}' in verdict.text for verdict in verdicts)
    assert all('its ResNet-50 1' in verdict.remedy for verdict in verdicts)


def test_a_loss_without_weight_is_named(tmp_path):
    config = runs.read('cmae')
    config.model.contrast_head.loss_weight = 1e-5
    hook = runs.train(config, tmp_path)
    assert runs.illnesses(hook) == {'unbalanced losses'}
    assert hook.verdicts[0]['text'].startswith('loss_contrast has ')


def test_a_loss_that_is_left_out_on_purpose_is_no_illness():
    """As in the ablation of ccMIM with a weight of 0."""
    for share, expected in ((0.0, set()), (1e-5, {'unbalanced losses'})):
        chart = Chart(Facts(steps=1000), patience=100)
        for step in range(50, 500, 50):
            chart.add(Look(step, dict(grad_share_contrast=share, grad_share_pixel=1 - share)))
        assert {verdict.illness for verdict in judge(chart)} == expected


def test_a_loss_that_lags_far_behind_the_pocket_benchmark_is_found(tmp_path, monkeypatch):
    """ConMIM's falls by half within a third of its training; that of a tiny rate does not."""
    curve = 'seed,name,step,value\n0,loss,3,3.0\n0,loss,10,1.5\n0,loss,30,0.6\n1,loss,3,3.0\n'
    (tmp_path / 'conmim_digits.csv').write_text(curve)
    monkeypatch.setattr(reference, 'curves_folder', lambda: tmp_path)
    config = runs.read('conmim')
    config.optim_wrapper.optimizer.lr = 1e-10
    config.optim_wrapper.clip_grad = None
    hook = runs.train(config, tmp_path / 'slow', steps=50)
    assert runs.illnesses(hook) == {'low learning rate', 'behind the reference'}
    (said,) = [part for part in hook.verdicts if part['illness'] == 'behind the reference']
    assert said['step'] == 25  # half: between a third (1.5 left of 3.0) and the end (0.6)
    assert 'in conmim-pocket, a training of 30 steps, it had fallen by 57%' in said['text']
    assert 'mcl compare WORK_DIR --reference conmim-pocket' in said['remedy']

    # Of a shorter training, and of a method without a curve, nothing is known.
    assert reference.find_reference('ConMIM', 'BEiTViT').steps == 30
    assert reference_of(MODELS.build(runs.read('conmim').model), steps=29) is None
    assert reference.find_reference('CMAE', 'MaskedViT') is None


def test_the_shape_of_a_loss_is_its_fall_from_the_first_look():
    half = Reference('a-pocket', 100, np.array([0.1, 0.4, 1.0]), np.array([1.0, 0.5, 0.5]))
    for last, expected in ((3.6, {'behind the reference'}), (3.4, set())):
        chart = Chart(Facts(steps=1000, reference=half), patience=100)
        for step in range(50, 1001, 50):
            chart.add(Look(step, dict(loss=4.0 if step < 300 else last)))
        assert {verdict.illness for verdict in judge(chart)} == expected


@pytest.mark.parametrize('beginning', [dict(start=50), dict(start=450), dict(loaded=True)])
def test_a_loss_whose_beginning_was_not_seen_is_compared_with_none(beginning):
    half = Reference('a-pocket', 100, np.array([0.1, 0.4, 1.0]), np.array([1.0, 0.5, 0.5]))
    facts = Facts(steps=1000, reference=half, **beginning)
    chart = Chart(facts, patience=100)
    for step in range(facts.start + 50, 1001, 50):
        chart.add(Look(step, dict(loss=4.0)))
        assert not list(judge(chart))
    said = describe_reference(MODELS.build(SMALL), chart)
    assert 'compared with no other: the beginning, with random weights, was not seen' in said


def test_a_teacher_that_begins_with_weights_of_a_checkpoint_may_keep_them():
    for loaded in (False, True):
        facts = Facts(steps=1000, updates=1000, momentum=(0.999, 0.999), loaded=loaded)
        chart = Chart(facts, patience=100)
        chart.add(Look(50, {}))
        assert [part.illness for part in judge(chart)] == ([] if loaded else ['slow teacher'])


@pytest.mark.parametrize(
    ('start', 'steps', 'found'),
    [
        (0, range(50, 401, 50), 400),
        (0, range(500, 2001, 500), 1000),  # lines of the log further apart than the patience
        (0, range(50, 351, 50), None),  # a training shorter than the patience
        (600, range(650, 1001, 50), 1000),
        (600, (650, 700), None),  # two looks of a resumed training
    ],
)
def test_what_lasts_spans_the_patience_at_two_looks(start, steps, found):
    chart = Chart(Facts(steps=2000, start=start), patience=400)
    seen = []
    for step in steps:
        chart.add(Look(step, dict(of_chance=1.0)))
        seen += [step] if list(judge(chart)) else []
    assert seen[:1] == ([] if found is None else [found])
    assert chart.can_judge is (found is not None)
    word = 'too short' if found is None else 'nothing unusual'
    assert word in describe_health(chart)


def test_a_value_that_the_last_look_has_not_is_that_of_the_look_before():
    """As at the end, where a probe alone is looked at."""
    chart = Chart(Facts(steps=1000), patience=100)
    for step in range(50, 500, 50):
        chart.add(Look(step, dict(rate_of_peak=1.0, weight_change=1e-9)))
    chart.add(Look(500, dict(knn_20=50.0)))
    assert [part.illness for part in judge(chart)] == ['low learning rate']


def test_probes_that_are_far_apart_are_compared():
    chart = Chart(Facts(steps=10_000), patience=100)
    labels = dict(above_chance_knn_20=1.0, recall_knn_20=52.0, expected_recall_knn_20=50.0)
    for step in range(5050, 10_001, 50):
        chart.add(Look(step, dict(loss=1.0) | (labels if step in (6000, 9000) else {})))
    assert len(chart.looks) < 10
    (verdict,) = judge(chart)
    assert verdict.illness == 'labels'
    assert 'cannot be told from chance: the mean recall of a class is 52.0 %' in verdict.text


def test_a_collapse_is_not_blamed_on_the_labels():
    labels = dict(above_chance_knn_20=1.0, recall_knn_20=50.0, expected_recall_knn_20=50.0)
    chart = Chart(Facts(steps=500), patience=100)
    for step in range(50, 500, 50):
        chart.add(Look(step, dict(key_rank=1.0, query_rank=1.0)))
    chart.add(Look(450, labels))
    chart.add(Look(500, labels))  # the last look has no ranks
    assert [part.illness for part in judge(chart)] == ['collapse']


def test_a_loss_that_fell_in_the_warm_up_and_rests_is_no_high_learning_rate():
    for first, expected in ((2.3, []), (0.5, ['high learning rate'])):
        chart = Chart(Facts(steps=1000, warm_up=100), patience=100)
        for step in range(50, 1001, 50):
            loss = first if step == 50 else 0.5
            chart.add(Look(step, dict(loss=loss, weight_change=0.001, weight_growth=step / 100)))
        assert [part.illness for part in judge(chart)] == expected


def test_byol_without_batch_norm_collapses(tmp_path):
    config = runs.read('masked_byol')
    for name in ('projector', 'predictor'):
        config.model[name].update(norm_cfg=dict(type='mcl_plugins.LayerNorm'), with_last_bn=False)
    config.optim_wrapper.optimizer.lr = 0.01
    config.model.momentum.update(start=0.5, end=0.5)
    hook = runs.train(config, tmp_path, steps=40)
    assert runs.illnesses(hook) == {'collapse'}
    assert hook._chart.now['loss'] < 0.05  # which alone would look like success
    assert 'effective rank is 1.0' in hook.verdicts[0]['text']


def test_a_teacher_whose_update_fails_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(EMA, 'update', lambda *_, **__: None)
    hook = runs.train(runs.read('conmim'), tmp_path)
    assert runs.illnesses(hook) == {'frozen teacher'}


def test_waiting_for_data_is_found_where_it_lasts(tmp_path, monkeypatch):
    """By a clock that is moved by loading, three seconds a batch, and by steps of one second."""
    clock = [0.0]
    step = ConMIM.train_step

    def work(seconds):
        clock[0] += seconds

    def slow_step(*args, **kwargs):
        work(1)
        return step(*args, **kwargs)

    monkeypatch.setattr(time, 'time', lambda: clock[0])
    monkeypatch.setattr(runs, 'time', SimpleNamespace(sleep=work))
    monkeypatch.setattr(ConMIM, 'train_step', slow_step)
    slow = runs.Pictures(seconds=3 / runs.BATCH)
    config = runs.read('conmim')
    hook = runs.train(config, tmp_path, steps=15, patience=8, dataset=slow, seconds=2)
    assert runs.illnesses(hook) == {'slow data'}
    assert hook.verdicts[0]['text'] == '75% of the time waits for data.'


def save(folder, index, seed):
    """A picture of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = torch.randint(256, (40, 40, 3), generator=torch.Generator().manual_seed(seed))
    Image.fromarray(noise.to(torch.uint8).numpy()).save(folder / f'{index}.png')


def test_copies_are_found_by_their_content(training_config, tmp_path):
    for index in range(12):
        save(tmp_path / 'twice/train', index, seed=index % 6)
    training_config.train_dataloader.dataset.data_root = str(tmp_path / 'twice')
    training_config.custom_hooks = [dict(type='mcl_plugins.DoctorHook')]
    runner = Runner.from_cfg(training_config)
    runner.train()
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, DoctorHook)]
    assert runs.illnesses(hook) == {'duplicate images'}
    assert 'About 50% of the training images' in hook.verdicts[0]['text']


def test_only_images_that_are_compared_are_negatives_of_each_other():
    for compares, words in ((True, 'negatives of each other'), (False, 'smaller than it seems')):
        chart = Chart(Facts(steps=10, copies=0.5, compares_images=compares), patience=2)
        chart.add(Look(1, {}))
        (verdict,) = judge(chart)
        assert words in verdict.text
    heads = (InfoNCEHead(0.2), PatchContrastHead(0.2), PatchContrastHead(0.2, negatives='batch'))
    assert [_compares_images(head) for head in heads] == [True, False, True]


class Files:
    """A list of files, each with a number as content."""

    def __init__(self, folder, numbers):
        folder.mkdir()
        self.paths = [folder / f'{index:06d}' for index in range(len(numbers))]
        for path, number in zip(self.paths, numbers, strict=True):
            path.write_bytes(number.to_bytes(8, 'big'))

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return dict(img_path=str(self.paths[index]))


def test_copies_are_found_wherever_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(gather, '_FILES', 200)
    model = MODELS.build(SMALL)
    once = Files(tmp_path / 'once', range(400))
    beside = Files(tmp_path / 'beside', [index // 2 for index in range(800)])
    behind = Files(tmp_path / 'behind', [index % 400 for index in range(800)])
    copied = Files(tmp_path / 'copied', range(400))
    half = pytest.approx(0.5, abs=0.1)
    assert _share_of_copies(model, beside) == half
    assert _share_of_copies(model, behind) == half
    assert _share_of_copies(model, SimpleNamespace(datasets=[once, copied])) == half
    assert _share_of_copies(model, once) == 0
    # The same files twice are no copies, and do not make copies more.
    assert _share_of_copies(model, SimpleNamespace(datasets=[once, once])) == 0
    assert _share_of_copies(model, SimpleNamespace(datasets=[beside, beside])) == half
    assert _share_of_copies(model, [1, 2]) == 0  # no files
    assert _share_of_copies(torch.nn.Identity(), beside) == 0  # with labels: perhaps on purpose


def test_labels_of_other_images_are_found_by_the_probe(training_config, tmp_path):
    for index in range(60):
        save(tmp_path / f'labelled/train/{index % 3}', index, seed=index)
        save(tmp_path / f'labelled/val/{index % 3}', index, seed=100 + index)
    loaders = {}
    for split in ('train', 'val'):
        dataset = dict(
            type='mcl_plugins.ImageFolder',
            data_root=str(tmp_path / 'labelled'),
            data_prefix=split,
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='CenterCrop', crop_size=32),
                dict(type='PackInputs'),
            ],
        )
        loaders[f'{split}_dataloader'] = dict(
            batch_size=30,
            num_workers=0,
            dataset=dataset,
            sampler=dict(type='DefaultSampler', shuffle=False),
        )
    probe = dict(type='mcl_plugins.ProbeHook', interval=1, ks=(5,), **loaders)
    training_config.custom_hooks = [dict(type='mcl_plugins.DoctorHook'), probe]
    training_config.train_cfg.max_epochs = 3
    runner = Runner.from_cfg(training_config)
    runner.train()
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, DoctorHook)]
    assert runs.illnesses(hook) == {'labels'}
    assert 'at random it would be 33.3 %' in hook.verdicts[0]['text']


def test_a_risen_loss_alone_is_no_illness():
    """As MoBY's at first, while its queue fills: the weights change little."""
    chart = Chart(Facts(steps=1000), patience=100)
    for step in range(50, 500, 50):
        values = dict(loss=5 + step / 100, weight_change=0.01, weight_growth=1.1)
        chart.add(Look(step, values))
        assert not list(judge(chart))


def test_nothing_is_said_of_the_warm_up():
    chart = Chart(Facts(steps=10_000, warm_up=800), patience=100)
    for step in range(50, 901, 50):
        assert not chart.looks or not list(judge(chart)), step
        chart.add(Look(step, dict(of_chance=1.0)))
    (verdict,) = judge(chart)
    assert verdict.illness == 'chance'


def test_a_small_batch_whose_colours_were_left_alone_is_not_one_of_same_views():
    chart = Chart(Facts(steps=1000), patience=100)
    for step, share in enumerate((1.0, 1.0, 1.0, 0.75, 1.0, 1.0, 1.0), start=1):
        chart.add(Look(step, dict(same_views=share, images=4.0)))
        assert not list(judge(chart))
    chart.add(Look(8, dict(same_views=1.0, images=4.0)))
    assert [verdict.illness for verdict in judge(chart)] == ['same views']
