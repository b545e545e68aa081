"""A training goes on with another number of processes, and with the batches of other libraries."""

from typing import ClassVar

import kills
import numpy as np
import pytest
from mmdet.datasets import AspectRatioBatchSampler, MultiImageMixDataset
from mmengine.config import ConfigDict
from mmengine.dataset import BaseDataset, DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader
from trainings import run

from mcl_plugins.engine.draws import carry_draws
from mcl_plugins.engine.loops import endless, start_at


@pytest.fixture(scope='module')
def of_two_processes(tmp_path_factory):
    """A folder in which two processes have trained with two images each, and its config."""
    root = tmp_path_factory.mktemp('two')
    kills.make_images(root / 'images')
    config = ConfigDict(kills.configure(root / 'images', by_epoch=True, processes=2))
    config.train_cfg.max_epochs, config.param_scheduler[0].end = 2, 12
    kills.train(config, root / 'run', 2)
    (root / 'run/last_checkpoint').write_text('iter_8.pth')
    return config, root / 'run'


def test_one_process_continues_with_the_images_of_two(of_two_processes):
    config, folder = of_two_processes
    config.train_dataloader.batch_size = 4
    config.log_level = 'WARNING'
    steps = run(config, folder, resume=True)
    assert list(steps) == [8, 9, 10, 11]
    said = ''.join(file.read_text() for file in folder.glob('*/*.log'))
    assert '1 processes x 4 images x 2 accumulated instead of 2 processes x 2 images' in said


def test_one_process_with_half_of_the_images_is_refused(of_two_processes):
    config, folder = of_two_processes
    config.train_dataloader.batch_size = 2
    with pytest.raises(ValueError, match='effective batch .*: 8 in the file, 4 here'):
        run(config, folder, resume=True)


class Boxes(BaseDataset):
    """Images of two shapes, with a number that is drawn for each."""

    metainfo: ClassVar = dict(classes=('thing',))

    def __init__(self):
        self._fully_initialized = True

    def __len__(self):
        return 10

    def get_data_info(self, index):
        return dict(width=1 + 2 * (index % 2), height=2)

    def __getitem__(self, index):
        return dict(index=index, drawn=np.random.rand())


class Mixed:
    """A transform that mixes an image with another one that is drawn, as Mosaic does."""

    def get_indexes(self, dataset):
        return np.random.randint(len(dataset))

    def __call__(self, results):
        (other,) = results.pop('mix_results')
        return dict(results, other=other)


@pytest.fixture
def mixed():
    """A loader of mmdet's data set of mixed images, in batches of one shape."""
    data = MultiImageMixDataset(Boxes(), pipeline=[])
    data.pipeline, data.pipeline_types = [Mixed()], ['Mixed']
    return data


@pytest.mark.parametrize('start', [0, 1, 3])
def test_batches_of_one_shape_go_on_where_they_stopped(mixed, start):
    sampler = DefaultSampler(mixed, shuffle=True, seed=0)
    loader = DataLoader(mixed, batch_sampler=AspectRatioBatchSampler(sampler, 2), collate_fn=list)
    carry_draws(loader, seed=0)
    start_at(loader, epoch=2, start=0)
    whole = list(loader)
    start_at(loader, epoch=2, start=start)
    assert list(loader) == whole[start:]
    assert len({sample['drawn'] for batch in whole for sample in batch}) == 10
    assert {sample['index'] % 2 for sample in whole[0]} in ({0}, {1})


def infinite(data):
    """A loader as of a training by iterations, as mmseg's; its sampler can be used once."""
    sampler = InfiniteSampler(data, seed=0)
    loader = DataLoader(data, batch_size=3, sampler=sampler, collate_fn=list)
    carry_draws(loader, seed=0)
    return loader


def test_endless_batches_go_on_where_they_stopped(mixed):
    batches = endless(infinite(mixed), 0)
    whole = [next(batches) for _ in range(12)]
    batches = endless(infinite(mixed), 7)
    assert [next(batches) for _ in range(5)] == whole[7:]


def test_a_loader_without_batches_is_named(mixed):
    loader = infinite(mixed)
    next(iter(loader))
    with pytest.raises(ValueError, match='Epoch 0 of the training loader has no batch'):
        next(endless(loader, 0))
