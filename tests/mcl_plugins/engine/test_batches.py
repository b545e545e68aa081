"""Batches that are too small for a contrast or for a BatchNorm are refused at the start."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmpretrain.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from conftest import ROOT, SMALL, SMALL_MASKED_MOCO
from mcl_plugins.engine.batches import batch_sizes, check_batches
from mcl_plugins.engine.hooks.batch_norm import BatchNormHook, check_rows
from mcl_plugins.engine.runner import Runner
from mcl_plugins.heads import InfoNCEHead
from mcl_plugins.layers import SyncBN
from mcl_plugins.layers.smallest_batch import smallest_batch
from processes import run_on_two_processes

COSINE = dict(type='mcl_plugins.CosineHead')
INSTANCE = dict(type='mcl_plugins.InstanceContrastHead')
NO_NORM = dict(type='LinearNeck', in_channels=48, out_channels=16, gap_dim=0, norm_cfg=None)


def loader(images, batch_size, drop_last=False, sampler=DefaultSampler):
    data = list(range(images))
    kept = sampler(data, shuffle=False)
    return DataLoader(data, batch_size=batch_size, sampler=kept, drop_last=drop_last)


@pytest.mark.parametrize(
    ('arguments', 'sizes'),
    [
        ((7, 3), (3, 1)),
        ((7, 3, True), (3, 3)),
        ((6, 3), (3, 3)),
        ((1, 3), (1, 1)),
        ((7, 3, False, InfiniteSampler), (3, 3)),
    ],
)
def test_the_sizes_of_the_batches_of_an_epoch(arguments, sizes):
    assert batch_sizes(loader(*arguments)) == sizes


def test_a_contrast_between_images_needs_two_in_all_processes():
    model = nn.ModuleList([InfoNCEHead(temperature=0.1)])
    check_batches(loader(7, 3, drop_last=True), model, processes=1)
    check_batches(loader(7, 1), model, processes=2)
    with pytest.raises(ValueError, match=r'last batch of an epoch has 1: set .*drop_last=True'):
        check_batches(loader(7, 3), model, processes=1)
    with pytest.raises(ValueError, match=r'a batch has 1: set train_dataloader\.batch_size=2'):
        check_batches(loader(7, 1), model, processes=1)
    check_batches(loader(7, 1), nn.Linear(2, 2), processes=1)


def test_batch_norms_of_images_need_two_rows_and_synchronised_ones_two_in_all_processes():
    own, shared = nn.BatchNorm1d(2), SyncBN(2)
    assert [smallest_batch(own, [own], processes) for processes in (1, 2)] == [2, 2]
    assert [smallest_batch(own, [shared], processes) for processes in (1, 2)] == [2, 1]
    assert smallest_batch(own, [None]) == 1


@pytest.mark.parametrize(
    ('base', 'changes', 'smallest'),
    [
        (SMALL, {}, 1),  # the negatives of a patch are the other patches of its image
        (SMALL, dict(head=INSTANCE), 2),
        (SMALL_MASKED_MOCO, {}, 2),
        (SMALL_MASKED_MOCO, dict(contrast_head=COSINE), 2),  # the target's BatchNorm
        (SMALL_MASKED_MOCO, dict(contrast_head=COSINE, target_chunks=2), 1),
        (
            SMALL_MASKED_MOCO,
            dict(contrast_head=COSINE, projector=NO_NORM, predictor={**NO_NORM, 'in_channels': 16}),
            1,
        ),
    ],
)
def test_methods_state_the_smallest_batch_and_refuse_less(base, changes, smallest):
    model = MODELS.build({**copy.deepcopy(base), **changes})
    model.init_weights()
    assert model.smallest_batch() == smallest
    image = torch.rand(1, 3, 32, 32)
    if smallest == 1:
        assert model.loss([image, image])['loss_contrast'].isfinite()
        return
    with pytest.raises(ValueError, match=r'needs at least 2 images .* got 1: set .*batch_size=2'):
        model.loss([image, image])


@pytest.mark.parametrize(
    ('method', 'smallest'),
    dict(conmim=1, ccmim=2, cmae=2, masked_moco=2, masked_byol=2, mimco=2, mimco_teacher=2).items(),
)
def test_each_method_of_the_quickstart(method, smallest):
    config = Config.fromfile(ROOT / f'configs/quickstart/{method}.py')
    model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    images = loader(3, 2, drop_last=smallest == 2)
    check_batches(images, model, processes=1)
    if smallest == 2:
        with pytest.raises(ValueError, match='last batch'):
            check_batches(loader(3, 2), model, processes=1)


def one_image_on_each_of_two(rank):
    """The negative of an image is that of the other process, so one image each is enough."""
    model = MODELS.build(copy.deepcopy(SMALL_MASKED_MOCO))
    assert (model.smallest_batch(1), model.smallest_batch(2)) == (2, 1)
    torch.manual_seed(rank)
    image = torch.rand(1, 3, 32, 32)
    result = model.loss([image, image])
    torch.testing.assert_close(result['chance'].item(), 2 * 2 * 0.3 * math.log(2))
    assert result['loss_contrast'].item() > 0
    own = copy.deepcopy(SMALL_MASKED_MOCO)  # BatchNorms of one process are not helped by the other
    own['projector']['norm_cfg'] = dict(type='BN1d')
    own = MODELS.build({**own, 'target_chunks': 1})
    with pytest.raises(ValueError, match='at least 2 images per process and batch, but got 1'):
        own.loss([image, image])
    check_batches(loader(4, 1), model, processes=2)
    with pytest.raises(ValueError, match='MaskedMoCo needs at least 2 images per process'):
        check_batches(loader(4, 1), own, processes=2)


def test_negatives_of_another_process_count():
    run_on_two_processes(one_image_on_each_of_two)


def test_a_training_is_refused_before_its_first_step(training_config):
    training_config.model.head = INSTANCE
    training_config.train_dataloader.update(batch_size=5, drop_last=False)  # 16 images
    with pytest.raises(ValueError, match='ConMIM needs at least 2 .* last batch of an epoch has 1'):
        Runner.from_cfg(training_config).train()


class Normalised(nn.Module):
    """One row per image, and one per pixel."""

    def __init__(self):
        super().__init__()
        self.rows, self.pixels = nn.BatchNorm1d(4), nn.BatchNorm2d(4)

    def forward(self, maps):
        return self.rows(self.pixels(maps).mean(dim=(2, 3)))


def test_batch_norms_are_looked_at_in_the_first_iteration():
    def run(images, batch_size, model=None):
        model, hook = model or Normalised(), BatchNormHook()
        runner = SimpleNamespace(
            model=model, train_dataloader=loader(images, batch_size), cfg=Config(), world_size=1
        )
        hook.before_train(runner)
        model(torch.rand(min(images, batch_size), 4, 2, 2))
        hook.after_train_iter(runner)
        assert not any(module._forward_pre_hooks for module in model.modules())

    run(6, 3)
    run(7, 3, nn.BatchNorm2d(4))
    run(7, 3, Normalised().eval())
    with pytest.raises(ValueError, match=r'last batch .* one image.* model\.rows .*drop_last=True'):
        run(7, 3)
    with pytest.raises(ValueError, match=r'model\.rows gets one row .*batch_size=2 or more'):
        run(7, 1)


def test_rows_of_other_processes_count_for_synchronised_norms_only():
    row = (torch.zeros(1, 4),)
    check_rows('bn', (1, 1), 2, SyncBN(4), row)
    with pytest.raises(ValueError, match=r'model\.bn'):
        check_rows('bn', (1, 1), 2, nn.BatchNorm1d(4), row)
    check_rows('bn', (3, 1), 1, nn.BatchNorm1d(4), (torch.zeros(5, 4),))  # rows of objects
