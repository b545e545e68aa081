"""A training that is stopped anywhere and resumed ends in the bits of one that was not."""

import copy
import random
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler
from trainings import final_state, run, same

from conftest import SMALL_MASKED_MOCO
from mcl_plugins.cli.data.pack import pack_folder
from mcl_plugins.engine.draws import DrawSampler, carry_draws, seed_generators
from mcl_plugins.engine.hooks.draws import seed_step

CLASSIFIER = dict(
    type='ImageClassifier',
    backbone=dict(
        type='VisionTransformer',
        arch=dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96),
        img_size=32,
        patch_size=8,
        drop_path_rate=0.3,
        out_type='cls_token',
    ),
    head=dict(type='LinearClsHead', num_classes=2, in_channels=48),
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]),
    data_preprocessor=dict(mean=[120.0] * 3, std=[60.0] * 3, num_classes=2, to_onehot=True),
)


@pytest.fixture
def config(training_config):
    """Three epochs of four iterations; a checkpoint after every iteration and every epoch."""
    config = training_config
    config.train_cfg = dict(by_epoch=True, max_epochs=3)
    config.default_hooks.checkpoint = dict(
        type='mcl_plugins.CheckpointHook', interval=1, by_epoch=False
    )
    config.randomness = dict(seed=3, diff_rank_seed=True)
    config.param_scheduler = [
        dict(
            type='LinearLR',
            start_factor=0.1,
            by_epoch=True,
            begin=0,
            end=2,
            convert_to_iter_based=True,
        ),
        dict(type='CosineAnnealingLR', by_epoch=True, begin=2, end=3),
    ]
    return config


def by_iterations(config):
    config.train_cfg = dict(by_epoch=False, max_iters=12)
    config.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    config.param_scheduler = [dict(type='PolyLR', by_epoch=False, begin=0, end=12)]


def finetuning(config):
    config.model = ConfigDict(copy.deepcopy(CLASSIFIER))
    dataset = config.train_dataloader.dataset
    dataset.with_label = True
    dataset.pipeline.insert(2, dict(type='RandomErasing', erase_prob=0.5))


def masked_moco(config):
    config.model = ConfigDict(copy.deepcopy(SMALL_MASKED_MOCO))


def accumulation(config):
    """Three iterations a step: no epoch ends with one."""
    config.optim_wrapper.accumulative_counts = 3


def workers(persistent):
    def change(config):
        config.train_dataloader.update(num_workers=2, persistent_workers=persistent)

    return change


def shards(config):
    """The images in four tar files, of which two are mixed."""
    dataset = config.train_dataloader.dataset
    out = Path(dataset.data_root, 'shards/train')
    if not out.parent.exists():
        pack_folder(Path(dataset.data_root, dataset.data_prefix), out, images=4)
    dataset.data_root, dataset.data_prefix = str(out.parent), out.name
    config.train_dataloader.sampler = dict(type='mcl_plugins.ShardSampler', mixed=2)


def nothing(config):
    """Pre-training with ConMIM by epochs, in the main process."""


CASES = {
    'ConMIM': [nothing],
    'by iterations': [by_iterations],
    'fine-tuning': [finetuning],
    'fine-tuning by iterations': [finetuning, by_iterations],
    'Masked MoCo': [masked_moco],
    'accumulation': [accumulation],
    'persistent workers': [workers(True)],
    'workers of an epoch': [workers(False), finetuning],
    'shards': [shards, workers(True)],
    'workers, by iterations': [workers(True), by_iterations],
}


@pytest.mark.parametrize('case', CASES)
def test_a_stopped_training_ends_in_the_same_bits(config, case, tmp_path):
    """It is stopped within the first epoch, and at the end of the second."""
    for change in CASES[case]:
        change(config)
    whole = run(config, tmp_path / 'whole')
    parts = run(config, tmp_path / 'parts', stop_at=2)
    for stop_at in (8, None):
        parts.update(run(config, tmp_path / 'parts', stop_at, resume=True))
    assert parts == whole
    assert len(whole) == 12
    assert not same(final_state(tmp_path / 'whole'), final_state(tmp_path / 'parts'))


def test_an_epoch_that_was_not_saved_is_trained_again(config, tmp_path):
    """Killed between two checkpoints, it repeats the steps since the last one, with their draws."""
    config.default_hooks.checkpoint.update(interval=5)
    config.default_hooks.checkpoint.save_last = True
    whole = run(config, tmp_path / 'whole')
    first = run(config, tmp_path / 'parts', stop_at=8)
    rest = run(config, tmp_path / 'parts', resume=True)
    assert list(rest) == [*range(5, 12)]
    assert {**first, **rest} == whole
    assert {step: first[step] for step in (5, 6, 7)} == {step: rest[step] for step in (5, 6, 7)}
    assert not same(final_state(tmp_path / 'whole'), final_state(tmp_path / 'parts'))


def test_the_number_and_life_of_workers_change_nothing(config, tmp_path):
    expected = run(config, tmp_path / 'none')
    for name, loader in {
        'kept': dict(num_workers=2, persistent_workers=True),
        'anew': dict(num_workers=2, persistent_workers=False),
        'one': dict(num_workers=1, prefetch_factor=4),
    }.items():
        changed = copy.deepcopy(config)
        changed.train_dataloader.update(loader)
        assert run(changed, tmp_path / name) == expected
    images = [image for image, _ in expected.values()]
    assert len(set(images)) == len(images) == 12, 'each epoch has crops of its own'


def test_a_validation_changes_no_draw(config, tmp_path):
    config.default_hooks.checkpoint.interval = 100
    finetuning(config)
    expected = run(config, tmp_path / 'without')
    config.val_dataloader = copy.deepcopy(config.train_dataloader)
    config.val_dataloader.update(drop_last=False, sampler=dict(type='DefaultSampler', shuffle=True))
    config.val_evaluator, config.val_cfg = dict(type='Accuracy'), dict()
    assert run(config, tmp_path / 'with') == expected


@pytest.mark.parametrize(
    ('change', 'stop_at'), [(nothing, 4), (nothing, 12), (by_iterations, 8), (by_iterations, 12)]
)
def test_a_validation_that_was_stopped_is_repeated(config, change, stop_at, tmp_path):
    """The first, the second or the last one; scores and best checkpoints are complete."""
    finetuning(config)
    change(config)
    config.default_hooks.checkpoint.update(interval=4, save_best='accuracy/top1')
    config.train_cfg.val_interval = 1 if change is nothing else 4
    config.val_dataloader = copy.deepcopy(config.train_dataloader)
    config.val_dataloader.update(drop_last=False, sampler=dict(type='DefaultSampler'))
    config.val_evaluator, config.val_cfg = dict(type='Accuracy'), dict()
    run(config, tmp_path / 'whole')
    expected = validations()
    run(config, tmp_path / 'parts', stop_at, validation=True)
    run(config, tmp_path / 'parts', resume=True)
    assert len(expected) == 3
    assert validations() == expected
    assert not same(final_state(tmp_path / 'whole'), final_state(tmp_path / 'parts'))
    best = [sorted(p.name for p in (tmp_path / n).glob('best*')) for n in ('whole', 'parts')]
    assert best[0] == best[1] != []


def validations():
    """All scores of the training that has just ended."""
    scores = MessageHub.get_current_instance().log_scalars['val/accuracy/top1']
    return scores.data[0].tolist()


def test_a_seed_that_was_drawn_is_that_of_the_whole_training(config, tmp_path):
    config.randomness = dict(seed=None)
    run(config, tmp_path, stop_at=6)
    first = run(config, tmp_path, resume=True)
    (tmp_path / 'last_checkpoint').write_text('iter_6.pth')
    assert run(config, tmp_path, resume=True) == first


def test_masks_after_kills_are_those_of_the_whole_training(config, tmp_path):
    """Six kills: as many different masks as steps, and the same as without a kill."""
    whole = run(config, tmp_path / 'whole')
    parts = run(config, tmp_path / 'parts', stop_at=1)
    for stop_at in (3, 4, 6, 8, 10, None):
        parts.update(run(config, tmp_path / 'parts', stop_at, resume=True))
    assert [drawn for _, drawn in parts.values()] == [drawn for _, drawn in whole.values()]
    assert len({drawn for _, drawn in whole.values()}) == 12


def test_nothing_of_before_is_decoded(config, tmp_path):
    """A resumed epoch begins with the image that comes next."""
    by_iterations(config)
    config.train_dataloader.dataset.pipeline.insert(0, dict(type=Counting))
    run(config, tmp_path, stop_at=11)
    Counting.decoded.clear()
    run(config, tmp_path, resume=True)
    assert len(Counting.decoded) == 4


class Counting:
    """A transform that notes the images that it is given."""

    decoded: ClassVar[list] = []

    def __call__(self, results):
        self.decoded.append(results['img_path'])
        return results


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(batch_size=2), 'effective batch .*: 4 in the file, 2 here'),
        (
            dict(batch_size=2, accumulative_counts=2),
            'iterations per epoch .*: 4 in the file, 8 here',
        ),
        (dict(accumulative_counts=2), 'effective batch .*: 4 in the file, 8 here'),
    ],
)
def test_another_batch_size_is_refused(config, tmp_path, change, message):
    run(config, tmp_path, stop_at=2)
    for section in (config.train_dataloader, config.optim_wrapper):
        section.update({key: value for key, value in change.items() if key in section} or {})
    if 'accumulative_counts' in change:
        config.optim_wrapper.accumulative_counts = 2
    with pytest.raises(ValueError, match=message):
        run(config, tmp_path, resume=True)


class Noise(Dataset):
    """Samples that are drawn: by Python, NumPy and PyTorch."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(), torch.rand(()).item()


def test_a_sample_that_is_repeated_within_an_epoch_is_drawn_anew():
    sampler = RandomSampler(range(5), replacement=True, num_samples=40)
    loader = DataLoader(Noise(), batch_size=4, sampler=sampler, collate_fn=list)
    carry_draws(loader, seed=0)
    drawn = [sample for batch in loader for sample in batch]
    assert len(set(drawn)) == 40


def test_generators_are_as_they_were_after_a_batch():
    loader = DataLoader(Noise(), batch_size=5, collate_fn=list)
    carry_draws(loader, seed=0)
    iterator = iter(loader)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    next(iterator)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after


def test_a_data_set_in_another_loader_is_loaded_as_ever():
    data = Noise()
    carry_draws(DataLoader(data, batch_size=2), seed=0)
    assert [index for index, *_ in next(iter(DataLoader(data, batch_size=5, collate_fn=list)))] == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_epochs_samples_seeds_and_turns_are_apart():
    """All draws of a few epochs of a few samples with a few seeds differ."""
    drawn = set()
    for seed in range(3):
        for epoch in range(3):
            batches = DrawSampler(BatchSampler(range(5), 5, drop_last=False), 5, seed)
            batches.epoch = epoch
            for draw in next(iter(batches)):
                seed_generators(seed, *draw)
                drawn.add((random.random(), np.random.rand(), torch.rand(()).item()))
    for step in range(10):
        for rank in range(2):
            seed_step(0, rank, step)
            drawn.add((random.random(), np.random.rand(), torch.rand(()).item()))
    assert len(drawn) == 45 + 20
