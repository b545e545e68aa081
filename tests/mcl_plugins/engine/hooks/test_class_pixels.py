"""A class that no label map of the first epoch has is named, and one that a late map has is not."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from mcl_plugins.engine.hooks import ClassPixelsHook, class_pixels
from mcl_plugins.engine.runner import Runner
from processes import run_on_two_processes

CLASSES = ('ground', 'house', 'tree', 'lake')


@MODELS.register_module()
class OneWeight(BaseModel):
    """The smallest model that trains on the samples of a segmentation."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return {'loss': self.weight * inputs[0].float().mean()}


def make_data(root, rows):
    """An image of 8 px and a label map with stripes of the values for each of ``rows``."""
    for folder in ('img', 'ann'):
        (root / folder).mkdir()
    for index, values in enumerate(rows):
        labels = np.resize(np.array(values, np.uint8), (8, 8))
        Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(root / f'img/{index:03}.jpg')
        Image.fromarray(labels).save(root / f'ann/{index:03}.png')


def train(root, loop, infinite, classes=CLASSES):
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    data = dict(
        type='mcl_plugins.SegmentationDataset',
        data_root=str(root),
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        metainfo=dict(classes=classes),
        pipeline=[*steps, dict(type='PackSegInputs')],
    )
    config = dict(
        model=dict(type='OneWeight'),
        work_dir=str(root / 'work'),
        experiment_name=f'{root.name}{loop}',
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='InfiniteSampler' if infinite else 'DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
            dataset=data,
        ),
        train_cfg=loop,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_scope='mmseg',
        default_hooks=dict(checkpoint=None),
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        runner = Runner.from_cfg(Config(config))
        runner.train()


@pytest.mark.parametrize('infinite', [False, True])
def test_the_first_epoch_tells_which_class_has_no_pixel(tmp_path, monkeypatch, infinite):
    monkeypatch.setattr('mcl_plugins.segmentation.survey.SAMPLE', 2)
    make_data(tmp_path, [[0, 1], [0, 1, 255], [0, 2], [0, 1], [0, 0], [0, 255]])
    loop = dict(by_epoch=True, max_epochs=2)
    if infinite:
        loop = dict(type='IterBasedTrainLoop', max_iters=5)
    said = []
    monkeypatch.setattr(
        'mcl_plugins.engine.hooks.class_pixels.print_log',
        lambda text, logger, level: said.append((text, level)),
    )
    train(tmp_path, loop, infinite)
    ((text, level),) = said
    assert level == logging.WARNING
    assert text.startswith(
        'None of the first 6 images that were trained on has a pixel of 1 of the 4 classes: lake. '
    )


def test_nothing_is_said_if_every_class_has_one(tmp_path, monkeypatch):
    monkeypatch.setattr('mcl_plugins.segmentation.survey.SAMPLE', 2)
    make_data(tmp_path, [[0, 1], [0, 255], [2, 3], [0, 1]])
    said = []
    monkeypatch.setattr('mcl_plugins.engine.hooks.class_pixels.print_log', said.append)
    train(tmp_path, dict(by_epoch=True, max_epochs=1), infinite=False)
    assert said == []


def batch(*labels):
    data = SimpleNamespace(data=torch.tensor([[labels]]))
    return {'data_samples': [SimpleNamespace(gt_sem_seg=data)]}


def run_of(processes, images=4):
    data = SimpleNamespace(metainfo=dict(classes=CLASSES), reduce_zero_label=False)
    loader = SimpleNamespace(
        batch_size=1,
        dataset=type('Data', (SimpleNamespace,), {'__len__': lambda _: images})(**vars(data)),
    )
    return SimpleNamespace(train_dataloader=loader, world_size=processes)


def both(rank, folder):
    hook, runner, said = ClassPixelsHook(), run_of(2), []
    hook.before_train(runner)
    class_pixels.print_log = lambda text, *_: said.append(text)
    for labels in ((0, rank), (0, 255)):
        hook.before_train_iter(runner, 0, batch(*labels))
        assert said == []
        hook.after_train_iter(runner, 0)
    (text,) = said
    (folder / str(rank)).write_text(text)


def test_what_the_other_process_saw_counts(tmp_path):
    run_on_two_processes(both, tmp_path)
    for rank in '01':
        assert 'None of the first 4 images' in (tmp_path / rank).read_text()
        assert '2 of the 4 classes: tree, lake.' in (tmp_path / rank).read_text()


def test_other_trainings_are_left_alone():
    hook = ClassPixelsHook()
    for dataset in ([1, 2], SimpleNamespace(metainfo=dict(classes=CLASSES))):
        hook.before_train(SimpleNamespace(train_dataloader=SimpleNamespace(dataset=dataset)))
        hook.before_train_iter(None, 0, {})
        hook.after_train_iter(None, 0)
        hook.after_train(None)
        assert hook._seen is None
