"""mcl preflight: each fault planted once, and the numbers of a healthy training."""

import re
import shutil
from collections import namedtuple
from datetime import datetime
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop
from torch import distributed as dist

from conftest import ROOT
from mcl_plugins.algorithms import ConMIM
from mcl_plugins.cli.preflight import meet, plan
from mcl_plugins.cli.preflight.run import check, check_files, check_syncs
from mcl_plugins.cli.preflight.steps import Cost
from mcl_plugins.engine.checkpoint_hook import CheckpointHook
from processes import mcl


@pytest.fixture
def path(training_config, tmp_path):
    """The file of a small training, whose work dir does not exist."""
    training_config.default_hooks.checkpoint = dict(
        type='mcl_plugins.CheckpointHook', interval=1, max_keep_ckpts=2, minutes=30
    )
    training_config.auto_scale_lr = dict(enable=True, base_batch_size=16)
    config = training_config
    config.data_preprocessor = config.model.pop('data_preprocessor')
    file = tmp_path / 'config.py'
    config.dump(file)
    return file


def faults(path, **options):
    """The faults of a training with other options, by their subjects."""
    found = check(path, steps=2, cfg_options=options)
    return {part.subject: f'{part.text} {part.remedy}' for part in found if part.level == 'fault'}


def test_a_healthy_training_gets_its_plan(path, tmp_path):
    found = {part.subject: part for part in check(path, steps=2)}
    assert not [part for part in found.values() if part.level == 'fault']
    assert found['batch'].text == (
        'effective batch 4 = 1 process x 4 images; learning rate 0.00025 (0.001 for 16).'
    )
    assert found['negatives'].text == 'of each query: 15 (head)'
    assert found['time'].text.startswith('4 iterations of ')
    assert found['host syncs'].text == 'none in a step'
    assert found['disk'].text.startswith('2 checkpoints of ')  # one of an epoch, one by time
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize(
    ('options', 'subject', 'words'),
    [
        ({'optim_wrapper.optimizer.typ': 'SGD'}, 'training', "argument 'typ'"),
        ({'train_dataloader.dataset.data_root': '/no/where'}, 'data', 'where/train does not exist'),
        ({'load_from': '/no/file.pth'}, 'weights', 'load_from: /no/file.pth does not exist'),
        (
            {'model.backbone.init_cfg': dict(type='Pretrained', checkpoint='', prefix='')},
            'weights',
            '--cfg-options model.backbone.init_cfg.checkpoint=FILE',
        ),
        ({'train_dataloader.batch_size': 64}, 'training', 'do not fill a batch of 64'),
        ({'model.head.temperature': -1.0}, 'config', 'temperature'),
    ],
)
def test_what_is_wrong_in_the_config_is_named(path, options, subject, words):
    found = faults(path, **options)
    assert words in found[subject], found


def test_an_encoder_of_another_architecture_is_named(path, tmp_path):
    file = tmp_path / 'other.pth'
    torch.save({'state_dict': {'backbone.cls_token': torch.zeros(1, 1, 7)}}, file)
    init = dict(type='Pretrained', checkpoint=str(file), prefix='backbone.')
    (text,) = faults(path, **{'model.backbone.init_cfg': init}).values()
    assert 'other.pth' in text


def test_images_that_cannot_be_read_are_named(path, images):
    files = sorted(images.rglob('*.jpg'))
    for file in files[3:5]:
        file.write_bytes(b'no image')
    found = check(path, steps=4)
    (note,) = [part for part in found if part.subject == 'data' and part.level == 'note']
    assert '2 of the images could not be read' in note.text
    for file in files:
        file.write_bytes(b'no image')
    (text,) = faults(path).values()
    assert 'jpg' in text


def test_class_names_that_disagree_are_named(path, images, tmp_path):
    shutil.copytree(images / 'train/0', images / 'val/another')
    loaders = {
        f'{split}_dataloader': dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(
                type='mcl_plugins.ImageFolder',
                data_root=str(images),
                data_prefix=split,
                pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
            ),
        )
        for split in ('train', 'val')
    }
    config = Config.fromfile(path)
    config.custom_hooks = [dict(type='mcl_plugins.ProbeHook', **loaders)]
    config.dump(path)
    assert 'another' in faults(path)['training']


def test_a_missing_teacher_is_named_with_what_sets_it(images):
    options = {'train_dataloader.dataset.data_root': str(images)}
    found = faults('quickstart/mimco.py', **options)
    key = 'model.teacher.backbone.init_cfg.checkpoint'
    assert found.keys() == {'weights'} and f'--cfg-options {key}=FILE' in found['weights']


@pytest.fixture
def data_faults(tmp_path):
    """Look for the data of a pre-training whose data set has other settings."""

    def _faults(**dataset):
        config = Config.fromfile(ROOT / 'configs/conmim/vit-b.py')
        config.train_dataloader.dataset.update(dict(data_root=str(tmp_path)) | dataset)
        return [part.text for part in check_files(config) if part.level == 'fault']

    return _faults


def test_archives_are_data(data_faults, tmp_path):
    assert data_faults() == [f'{tmp_path}/train does not exist.']
    (tmp_path / 'train-000000.tar').touch()
    assert data_faults() == []
    assert data_faults(data_prefix='part-*.tar') == [f'{tmp_path}/part-*.tar does not exist.']
    assert data_faults(data_prefix='train-*.tar') == []


def test_addresses_of_other_storage_are_not_looked_up(data_faults):
    assert data_faults(data_root='s3://bucket/imagenet') == []
    assert data_faults(data_prefix='s3://bucket/imagenet/train') == []


def test_a_prefix_is_looked_for_in_place_of_the_split(data_faults, tmp_path):
    prefix = dict(split='train', data_prefix='ILSVRC/train')
    (tmp_path / 'train').mkdir()
    assert data_faults(**prefix) == [f'{tmp_path}/ILSVRC/train does not exist.']
    (tmp_path / 'ILSVRC/train').mkdir(parents=True)
    assert data_faults(**prefix) == []


def test_test_data_may_come_later(images, tmp_path):
    config = Config.fromfile(ROOT / 'configs/conmim/vit-b.py')
    config.train_dataloader.dataset.data_root = str(images)
    later = dict(type='mcl_plugins.ImageFolder', data_root=str(tmp_path / 'later'))
    config.test_dataloader = dict(dataset=later)
    found = {part.text: part.level for part in check_files(config)}
    assert found[f'{tmp_path / "later"} does not exist.'] == 'note'
    assert 'fault' not in found.values()


@pytest.mark.parametrize('out_dir', [None, 'disk'])
def test_a_work_dir_with_a_run_is_named(path, tmp_path, out_dir):
    """Also if its checkpoints are elsewhere."""
    folder = tmp_path / 'work' if out_dir is None else tmp_path / out_dir / 'work'
    folder.mkdir(parents=True)
    (folder / 'epoch_1.pth').touch()
    options = {'default_hooks.checkpoint.out_dir': str(tmp_path / out_dir)} if out_dir else {}
    assert f'{folder} has a run already' in faults(path, **options)['work dir']


def test_a_full_disk_is_named_with_how_many_checkpoints_fit(tmp_path, monkeypatch):
    config = Config(dict(work_dir=str(tmp_path / 'not/yet')))
    usage = namedtuple('usage', 'free')
    monkeypatch.setattr(plan.shutil, 'disk_usage', lambda place: usage(7 * plan.GIB))
    assert plan.check_disk(config, 7, plan.GIB).level == 'ok'
    fault = plan.check_disk(config, 8, plan.GIB)
    assert fault.level == 'fault' and f'{tmp_path} has 7 GiB free' in fault.text
    assert 'max_keep_ckpts=5' in fault.remedy
    assert 'max_keep_ckpts=2' in plan.check_disk(config, 8, plan.GIB, others=4).remedy
    assert 'max_keep_ckpts' not in plan.check_disk(config, 9, plan.GIB, others=6).remedy
    config.default_hooks = dict(checkpoint=dict(out_dir='s3://runs'))
    assert plan.check_disk(config, 8, plan.GIB).level == 'note'  # not the disk of this machine


@pytest.mark.parametrize(
    ('settings', 'count', 'others'),
    [
        (dict(interval=1, max_keep_ckpts=2, milestones=4, minutes=30), 7, 4),
        (dict(interval=1, max_keep_ckpts=300, milestones=4), 303, 3),  # 600 is among the newest
        (dict(interval=1, milestones=4), 800, 3),
        (dict(interval=300), 3, 0),
        (dict(interval=300, save_last=False), 2, 0),
        (dict(interval=100, save_begin=500), 4, 0),
        (dict(interval=-1, minutes=30, max_keep_ckpts=1), 2, 1),
    ],
)
def test_checkpoints_are_counted_while_the_last_is_written(settings, count, others):
    """Of 800 epochs: the newest, the milestones before them and the one within an epoch."""
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    loop._max_epochs = 800
    hook = CheckpointHook(**settings)
    runner = SimpleNamespace(hooks=[hook], train_loop=loop, max_epochs=800)
    assert (plan.count_checkpoints(runner), plan.count_others(runner)) == (count, others)


def test_a_batch_that_does_not_fit_is_named(path, monkeypatch):
    def refuse(*_):
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20 GiB.\nmore')

    monkeypatch.setattr(ConMIM, 'losses', refuse)
    text = faults(path)['memory']
    assert 'a full batch does not fit: CUDA out of memory' in text
    assert 'half of train_dataloader.batch_size' in text and 'more' not in text


def test_a_step_that_waits_for_the_device_is_named_with_its_line(path, monkeypatch):
    def losses(self, student, teacher):
        (tokens,) = self.backbone(student, self.draw_mask(student))
        self.seen = tokens.mean().item()
        return {'loss': tokens.mean()}

    monkeypatch.setattr(ConMIM, 'losses', losses)
    note = check_syncs(Config.fromfile(path), images=4)
    assert note.level == 'note' and 'a step waits 1 times' in note.text
    assert 'self.seen = tokens.mean().item()' in note.text


def test_two_processes_add_up_a_number_and_take_a_step_together(path):
    result = mcl('preflight', path, '--steps', 2, processes=2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count('all-reduce 2 processes over gloo') == 1
    assert 'effective batch 8 = 2 processes x 4 images' in result.stdout
    assert result.stdout.count('No faults.') == 1


OF_ONE_PROCESS = """
import os
from mmpretrain.registry import TRANSFORMS

@TRANSFORMS.register_module()
class OfOneProcess:
    def __call__(self, results):
        if os.environ['RANK'] == '1':
            raise ValueError('the disk of this node is not there')
        return results
"""


def test_a_fault_of_a_process_other_than_the_first_has_its_number(path, tmp_path, monkeypatch):
    """The first one, which alone prints what is found, knows only that the connection is lost."""
    (tmp_path / 'of_one_process.py').write_text(OF_ONE_PROCESS)
    monkeypatch.syspath_prepend(tmp_path)  # the processes have the path of this one
    config = Config.fromfile(path)
    config.custom_imports = dict(imports=['of_one_process'])
    config.train_dataloader.dataset.pipeline.insert(1, dict(type='OfOneProcess'))
    config.dump(path)
    result = mcl('preflight', path, '--steps', 2, processes=2)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith('process ')]
    assert re.fullmatch(r'process 1: .*the disk of this node is not there\.?', line)
    assert 'the disk of this node' not in result.stdout
    assert 'the connection to another process is lost.' in result.stdout


def test_processes_that_do_not_come_are_named():
    store = dist.HashStore()
    with pytest.raises(ValueError, match=r'of 3 processes, processes 0, 2 did not come within 0'):
        meet.roll_call(store, 1, 3, seconds=0.05)
    for rank in (0, 2):
        store.set(f'mcl_preflight/here/{rank}', f'node{rank}')
    came = meet.roll_call(store, 1, 3, seconds=0.05)
    assert 'node0 has process 0' in came and 'node2 has process 2' in came


class Work:
    """A collective that ends, or does not."""

    def __init__(self, ends):
        self.ends = ends

    def is_completed(self):
        return self.ends

    def wait(self):
        pass


@pytest.mark.parametrize(
    ('ends', 'total', 'words'),
    [(False, 1, 'did not end within 0.05 s.*NCCL_SOCKET_IFNAME'), (True, 5, 'gave 5 instead of 1')],
)
def test_an_all_reduce_that_hangs_or_is_wrong_is_named(monkeypatch, ends, total, words):
    def all_reduce(value, async_op):
        value.fill_(total)
        return Work(ends)

    for name, value in dict(get_rank=0, get_world_size=1, get_backend='nccl').items():
        monkeypatch.setattr(dist, name, lambda value=value: value)
    monkeypatch.setattr(dist, 'all_reduce', all_reduce)
    with pytest.raises(ValueError, match=words):
        meet.check_all_reduce(dist.HashStore(), seconds=0.05)


def test_the_batch_is_compared_with_that_of_the_metafile():
    paper = plan.papers_batch(ROOT / 'configs/conmim/vit-b.py')
    assert paper == 2048
    own = plan.Batch(processes=8, images=128, accumulated=1, rate=5e-4, base=2048)
    note = plan.compare_batch(own, str(ROOT / 'configs/conmim/vit-b.py'))
    assert note.level == 'note' and 'learning rate 0.00025 (0.0005 for 2048)' in note.text
    assert "the paper's batch is 2048, with 0.0005" in note.text
    assert 'accumulative_counts=2' in note.remedy
    same = plan.Batch(processes=16, images=128, accumulated=1, rate=5e-4, base=2048)
    assert plan.compare_batch(same, str(ROOT / 'configs/conmim/vit-b.py')).level == 'ok'
    assert plan.papers_batch(ROOT / 'configs/quickstart/conmim.py') is None


def test_hours_are_those_of_all_iterations():
    cost = Cost(steps=[60.0, 2.0, 2.0, 3.0], waits=[0.0] * 4, images=64, iterations=5400)
    text = plan.describe_time(cost, 4, datetime(2030, 1, 1, 9))
    assert '3 hours, 12 CPU-hours, until 2030-01-01 12:00' in text
    cost = Cost(steps=[1.0], images=64, iterations=60, capacity=1)
    assert '1 minute, 0.0167 GPU-hours' in plan.describe_time(cost, 1)
