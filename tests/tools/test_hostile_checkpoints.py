"""No command runs what a checkpoint holds, whichever library reads the file."""

import itertools
import os
import runpy
import shutil
import sys

import pytest
from mmengine.runner.checkpoint import CheckpointLoader

from conftest import ROOT
from hostile import write_hostile

PRETRAINING = ROOT / 'configs/quickstart/conmim.py'
FINETUNING = ROOT / 'configs/quickstart/conmim_finetune.py'
COUNT = itertools.count()


@pytest.fixture
def start(monkeypatch):
    """Start a script of ``tools/`` as ``python`` does, in this process."""
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    monkeypatch.setattr(os, 'environ', os.environ.copy())

    def start(script, *words):
        monkeypatch.setattr(sys, 'argv', [script, *map(str, words)])
        runpy.run_path(str(ROOT / 'tools' / script), run_name='__main__')

    return start


@pytest.fixture
def data(images):
    """The sixteen images as training and validation set."""
    shutil.copytree(images / 'train', images / 'val')
    return images


def short(data, *more, splits=('train', 'val', 'test')):
    """The words that make a config train or test on sixteen images."""
    loaders = [
        f'{split}_dataloader.{setting}'
        for split in splits
        for setting in (f'dataset.data_root={data}', 'num_workers=0', 'batch_size=4')
    ]
    name = f'experiment_name=hostile-{next(COUNT)}'
    if 'test' in splits:
        loaders.append('train_dataloader.dataset.ann_file=')
    return ['--work-dir', data / 'work', '--cfg-options', name, *loaders, *more]


def resnet(data, file):
    """A config whose encoder is mmpretrain's own, which MMEngine's ``Pretrained`` starts."""
    config = data / 'resnet.py'
    config.write_text(
        f"_base_ = '{FINETUNING}'\n"
        "model = dict(backbone=dict(_delete_=True, type='ResNet', depth=18,\n"
        f"    init_cfg=dict(type='Pretrained', checkpoint='{file}', prefix='backbone.')),\n"
        "    head=dict(in_channels=512), neck=dict(type='GlobalAveragePooling'))\n"
    )
    return config


def commands(name, data, file):
    """The words of a command that is given the file."""
    pretraining = short(data, splits=('train',))
    if name == 'load_from':
        return ['train.py', PRETRAINING, *pretraining, f'load_from={file}']
    if name == 'resume':
        return ['train.py', PRETRAINING, '--resume', file, *pretraining]
    if name == 'resume auto':
        (data / 'work').mkdir()
        shutil.copy(file, data / 'work/epoch_1.pth')
        return ['train.py', PRETRAINING, '--resume', *pretraining]
    if name == 'init_cfg':
        start = f'model.backbone.init_cfg.checkpoint={file}'
        return ['train.py', FINETUNING, *short(data, start)]
    if name == "a library's init_cfg":
        return ['train.py', resnet(data, file), *short(data)]
    if name == 'test':
        return ['test.py', FINETUNING, file, *short(data)]
    if name == 'evaluate':
        return ['evaluate/knn.py', FINETUNING, file, *short(data)]
    if name == 'visualize':
        return ['visualize/masks.py', PRETRAINING, file, '--images', data / 'train/0/0.jpg']
    return ['convert/cmae.py', file, data / 'converted.pth']


@pytest.mark.parametrize(
    'name',
    [
        'load_from',
        'resume',
        'resume auto',
        'init_cfg',
        "a library's init_cfg",
        'test',
        'evaluate',
        'visualize',
        'convert',
    ],
)
def test_a_hostile_file_is_refused_and_not_run(name, data, start, capsys):
    file, proof = write_hostile(data, content={'meta': {'epoch': 1, 'iter': 4}, 'optimizer': {}})
    with pytest.raises((SystemExit, ValueError)) as caught:
        start(*commands(name, data, file))
    assert not proof.exists()
    said = capsys.readouterr().err + str(caught.value)
    assert '.pth was not loaded: it is damaged' in said
