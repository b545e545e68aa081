"""The transfer demo's parts: configs, measurements and picture, with hardly any training."""

import json
import subprocess
import sys
import threading
from concurrent.futures import Future

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmpretrain.registry import DATASETS as PRETRAINING_SETS
from mmpretrain.registry import MODELS as PRETRAINED
from PIL import Image

from conftest import ROOT
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.cli.common import run
from mcl_plugins.cli.data.make_scenes import make
from mcl_plugins.cli.quickstart import stages, transfer
from mcl_plugins.cli.quickstart.dense_models import build_model, predict, validation_samples
from mcl_plugins.cli.quickstart.transfer import CMAE, MIMCO, TASKS, select_metrics
from mcl_plugins.cli.quickstart.transfer_report import draw_report, paint
from mcl_plugins.targets.frozen_teacher import FrozenTeacher
from processes import mcl

COUNTS = dict(train=8, val=5, unlabeled=1)
NAMES = sorted(TASKS)


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes')
    make(root, **COUNTS)
    return root


def on(scenes, config):
    """Settings that make a demo's config use other scenes."""
    segmentation = 'upernet' in config.stem
    loaders = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    folder = scenes / ('ade' if segmentation else 'coco')
    settings = {f'{loader}.dataset.data_root': str(folder) for loader in loaders}
    settings.update({f'{loader}.num_workers': 0 for loader in loaders})
    settings.update({f'{loader}.persistent_workers': False for loader in loaders})
    if not segmentation:
        file = str(folder / 'annotations/instances_val2017.json')
        settings.update({'val_evaluator.ann_file': file, 'test_evaluator.ann_file': file})
    return settings


@pytest.fixture
def pretrained(tmp_path):
    """Files as the two pre-trainings would write them at their start."""
    files = {}
    for path in (CMAE, MIMCO):
        config = Config.fromfile(path)
        model = PRETRAINED.build({**config.model, 'data_preprocessor': config.data_preprocessor})
        for module in model.modules():
            if isinstance(module, FrozenTeacher):
                module.is_init = True  # its file is not there yet
        model.init_weights()
        files[path] = tmp_path / f'{path.stem}.pth'
        save_file({'state_dict': model.state_dict(), 'meta': {}}, files[path])
    return files


@pytest.mark.parametrize(
    ('config', 'crops'),
    [(CMAE, 2), (MIMCO, 1), (MIMCO.with_name('scenes_mimco_teacher.py'), 2)],
    ids=lambda value: getattr(value, 'stem', ''),
)
def test_pretraining_sees_colour_crops_of_unlabelled_scenes(scenes, config, crops):
    config = Config.fromfile(config)
    settings = {**config.train_dataloader.dataset, 'data_root': str(scenes / 'coco')}
    dataset = PRETRAINING_SETS.build(settings)
    assert len(dataset) == COUNTS['unlabeled']
    np.random.seed(0)  # a crop of the gray parts of a scene, with weak colours, would be near gray
    torch.manual_seed(0)
    inputs = dataset[0]['inputs']
    inputs = inputs if isinstance(inputs, list) else [inputs]
    assert [tuple(image.shape) for image in inputs] == [(3, 32, 32)] * crops
    preprocessor = PRETRAINED.build(config.data_preprocessor)
    batch = [torch.stack([image] * 4) for image in inputs]
    views = preprocessor({'inputs': batch if crops > 1 else batch[0]}, training=True)['inputs']
    for view in views:
        spread = (view - view.mean(1, keepdim=True)).abs().amax((1, 2, 3))
        assert (spread > 0.1).all()  # not gray


def test_several_scales_are_those_of_scenes(scenes):
    path = TASKS['UperNet'].config
    config = Config.fromfile(path)
    config.merge_from_dict(on(scenes, path))
    settings = {**config.test_dataloader.dataset, 'pipeline': config.tta_pipeline}
    with DefaultScope.overwrite_default_scope(config.default_scope):
        copies = DATASETS.build(settings)[0]['inputs']
    sides = [min(image.shape[1:]) for image in copies]
    assert sides == [96, 96, 128, 128] and torch.equal(copies[1], copies[0].flip(2))


@pytest.mark.parametrize('name', NAMES)
def test_a_checkpoint_goes_in_whole_and_a_step_trains_everything(scenes, pretrained, name):
    config = Config.fromfile(TASKS[name].config)
    config.merge_from_dict(on(scenes, TASKS[name].config))
    file = pretrained[TASKS[name].pretraining]
    config.model.backbone.init_cfg.checkpoint = str(file)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        model = MODELS.build(config.model)
        model.init_weights()
        wrapper = build_optim_wrapper(model, config.optim_wrapper)
        dataset = DATASETS.build(config.train_dataloader.dataset)
        samples = [dataset[index] for index in range(4)]
    encoder = load_file(file)['state_dict']
    for key, value in model.backbone.state_dict().items():
        if 'patch_embed' in key or ('attn' in key and '.rel' not in key):
            assert torch.equal(value, encoder[f'backbone.{key}']), key
    before = {key: value.clone() for key, value in model.named_parameters()}
    data = {key: [sample[key] for sample in samples] for key in samples[0]}
    losses = [model.train_step(data, wrapper)['loss'].item() for _ in range(2)]
    assert np.isfinite(losses).all()
    still = [key for key, value in model.named_parameters() if torch.equal(value, before[key])]
    assert not still
    # The settings do not depend on the start.
    rates = {round(group['lr'], 12) for group in wrapper.optimizer.param_groups}
    assert len(rates) == 1


@pytest.mark.parametrize('name', NAMES)
def test_networks_are_made_of_the_full_ones_parts(name):
    config = Config.fromfile(TASKS[name].config)
    full = {
        'UperNet': 'cmae/transfer/ade20k-upernet_vit-b.py',
        'Mask R-CNN': 'mimco/transfer/coco-mask-rcnn_swin-t.py',
        'ViTDet': 'cmae/transfer/coco-vitdet_vit-b_100e.py',
    }[name]
    full = Config.fromfile(ROOT / 'configs' / full)

    def kinds(node, path=()):
        if not isinstance(node, dict):
            return {}
        found = {path: node['type']} if isinstance(node.get('type'), str) else {}
        for key, child in node.items():
            if key not in ('backbone', 'init_cfg', 'conv_cfg'):
                found.update(kinds(child, (*path, key)))
        return found

    assert kinds(config.model) == kinds(full.model)
    assert config.optim_wrapper.constructor == full.optim_wrapper.constructor
    assert config.optim_wrapper.type == full.optim_wrapper.type


def test_metrics_are_percentages_and_nothing_detected_is_zero():
    row = {'coco/bbox_mAP': 0.4321, 'coco/segm_mAP': 0.25, 'coco/bbox_mAP_50': 0.9}
    assert select_metrics(TASKS['ViTDet'], row) == {'box AP': 43.21, 'mask AP': 25.0}
    assert select_metrics(TASKS['ViTDet'], {}) == {'box AP': 0.0, 'mask AP': 0.0}
    assert select_metrics(TASKS['UperNet'], {'mIoU': 51.5, 'aAcc': 90.0}) == {'mIoU': 51.5}


def compare(task, checkpoint, work_dir, seeds):
    """Run a task from a checkpoint that is there."""
    ready = Future()
    ready.set_result(checkpoint)
    with stages.side_by_side(1) as pool:  # forks are started by one thread at a time
        runs = transfer.queue_runs(pool, [task], {task.pretraining: ready}, work_dir, seeds)
        return transfer.summaries(task, runs[task.name])


def call_in_fork(*words, label=''):
    """What ``stages.call`` does, without the time that a fresh Python takes."""
    result = mcl(*words)
    assert result.returncode == 0, f'{label}: {result.stderr[-3000:]}'


@pytest.mark.parametrize('name', ['UperNet', 'Mask R-CNN'])
def test_all_starts_are_measured(scenes, pretrained, tmp_path, monkeypatch, name):
    """A few steps through mcl train and mcl test; the figures are those of the logs."""
    for module in (stages, transfer):
        monkeypatch.setattr(module, 'call', call_in_fork)
    task = TASKS[name]
    settings = on(scenes, task.config)
    by_epoch = 'max_epochs' in Config.fromfile(task.config).train_cfg
    length = 'epochs' if by_epoch else 'iters'
    settings.update({f'train_cfg.max_{length}': 2, 'train_cfg.val_interval': 2})
    short = tmp_path / f'{task.config.stem}.py'
    short.write_text(f'_base_ = "{task.config}"\nparam_scheduler = []\n')
    merged = Config.fromfile(short)
    merged.merge_from_dict(settings)
    merged.dump(short)
    task = transfer.Task(name, short, task.pretraining, task.metrics)
    found = compare(task, pretrained[task.pretraining], tmp_path / 'work', seeds=1)
    assert set(found) == set(task.metrics)
    work = tmp_path / 'work' / short.stem
    for metric, row in found.items():
        assert set(row) == {'untrained', 'random', 'pretrained'}
        key, factor = task.metrics[metric]
        for start in ('random', 'pretrained'):
            logged = stages.logged(work / f'{start}-0')[-1][key]
            assert row[start]['seeds'] == [round(factor * logged, 2)]
        out = json.loads((work / 'untrained/metrics.json').read_text())
        assert row['untrained']['mean'] == round(factor * out[key], 2)
        assert row['untrained']['mean'] < 12
    logs = {
        start: max((work / f'{start}-0').glob('*/*.log')).read_text()
        for start in ('random', 'pretrained')
    }
    assert 'Loaded' in logs['pretrained'] and 'Loaded' not in logs['random']


def test_two_seeds_give_a_spread_and_one_untrained_network(monkeypatch, tmp_path):
    calls = []

    def fine_tune(task, work_dir, checkpoint, seed):
        calls.append((work_dir.name, checkpoint, seed))
        return {'mIoU': 10.0 * seed + (5 if checkpoint else 0)}

    monkeypatch.setattr(transfer, 'fine_tune', fine_tune)
    monkeypatch.setattr(transfer, 'untrained', lambda *_: {'mIoU': 1.0})
    found = compare(TASKS['UperNet'], tmp_path / 'a.pth', tmp_path, seeds=2)
    assert found['mIoU']['random'] == {'mean': 5.0, 'spread': 7.07, 'seeds': [0.0, 10.0]}
    assert found['mIoU']['pretrained']['seeds'] == [5.0, 15.0]
    assert found['mIoU']['untrained'] == {'mean': 1.0, 'spread': None, 'seeds': [1.0]}
    assert sorted(calls, key=str) == sorted(
        [
            (f'{name}-{seed}', start, seed)
            for seed in range(2)
            for name, start in (('random', None), ('pretrained', tmp_path / 'a.pth'))
        ],
        key=str,
    )


def test_a_job_that_fails_ends_those_that_wait(capsys):
    begun = []
    with pytest.raises(ValueError, match='no good'), stages.side_by_side(1) as pool:
        jobs = [pool.submit(begun.append, 'first'), pool.submit(lambda: int('no good'))]
        hold = threading.Event()
        jobs.append(pool.submit(hold.wait))
        jobs.append(pool.submit(begun.append, 'last'))
        try:
            stages.wait_for(jobs, 'jobs')
        finally:
            threading.Timer(0.2, hold.set).start()
    assert begun == ['first'] and jobs[-1].cancelled()
    assert '1 of 4 jobs done' in capsys.readouterr().out


def test_lines_of_a_labelled_script_say_whose_they_are(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(stages, 'MCL', (sys.executable,))
    (tmp_path / 'good.py').write_text('import sys; print(sys.argv[1]); print("b", file=sys.stderr)')
    stages.call(tmp_path / 'good.py', 'a', label='x')
    assert sorted(capfd.readouterr().out.splitlines()) == ['x | a', 'x | b']
    (tmp_path / 'bad.py').write_text('raise SystemExit(3)')
    for label in ('', 'x'):
        with pytest.raises(subprocess.CalledProcessError):
            stages.call(tmp_path / 'bad.py', label=label)


@pytest.fixture(scope='module')
def demo(scenes, tmp_path_factory):
    """The demo's configs on few scenes, with untrained networks."""
    folder = tmp_path_factory.mktemp('demo')
    configs, checkpoints = {}, {}
    for name, task in TASKS.items():
        config = Config.fromfile(task.config)
        config.merge_from_dict(on(scenes, task.config))
        configs[name] = folder / task.config.name
        config.dump(configs[name])
        path = folder / f'{task.config.stem}.pth'
        save_file({'state_dict': build_model(configs[name]).state_dict(), 'meta': {}}, path)
        checkpoints[name] = {'random': path, 'pretrained': path}
    return configs, checkpoints


def test_the_picture_has_every_part(demo, tmp_path):
    configs, checkpoints = demo
    row = {
        name: stages.summary(values)
        for name, values in (('untrained', [1.0]), ('random', [30.0, 40.0]), ('pretrained', [60.0]))
    }
    results = {'UperNet': {'mIoU': row}}
    results.update({name: {'box AP': row, 'mask AP': row} for name in ('Mask R-CNN', 'ViTDet')})
    picture = draw_report(results, configs, checkpoints, tmp_path)
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert('RGB'))
    assert pixels.shape[0] > 800 and pixels.shape[1] > 1000
    for rows in np.array_split(pixels, 4):
        for part in np.array_split(rows, 4, axis=1):
            assert part.std() > 5
    transfer.print_results(results)


def test_all_networks_see_the_same_scenes(demo):
    samples = {name: validation_samples(config, (0, 3)) for name, config in demo[0].items()}
    first = samples['UperNet']
    for others in samples.values():
        for one, other in zip(first, others, strict=True):
            assert torch.equal(one['inputs'], other['inputs'])


def test_predictions_are_in_the_scenes_own_pixels(demo):
    configs, checkpoints = demo
    for name, config in configs.items():
        samples = validation_samples(config, (0, 1))
        model = build_model(config, checkpoints[name]['random'])
        for sample, result in zip(samples, predict(model, samples), strict=True):
            size = sample['inputs'].shape[1:]
            if name == 'UperNet':
                assert result.pred_sem_seg.data.shape[1:] == size
            else:
                assert result.pred_instances.masks.shape[1:] == size


def test_paint_changes_hue_under_masks_alone():
    image = np.full((3, 4, 4), 0.4)
    mask = np.zeros((4, 4), dtype=bool)
    mask[1, 2] = True
    painted = paint(image, {3: mask})
    np.testing.assert_allclose(painted[:, ~mask], 0.7)
    assert painted[:, 1, 2].std() > 0.1


def test_the_script_explains_itself():
    command = ['bash', str(ROOT / 'tools/transfer_demo.sh'), '--help']
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert '--seeds 3' in result.stdout and not result.stderr


def test_a_command_that_fails_ends_the_demo_without_a_traceback(capsys):
    with pytest.raises(SystemExit):
        run(lambda: stages.call('train', 'configs/none.py'))
    assert 'train configs/none.py\nended with 1; see above' in capsys.readouterr().err
