"""Trainings that are shorter than the schedule was made for."""

import re

import pytest

from mcl_plugins.cli.common import load_config
from mcl_plugins.engine.runner import Runner
from mcl_plugins.engine.warm_up import describe_short_training

OWN_IMAGES = ('own/conmim_vit-s.py', 'own/mocov3_vit-s.py', 'own/moby_swin-t.py')


def test_fewer_epochs_than_the_warm_up_are_named(training_config):
    training_config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, end=3, convert_to_iter_based=True),
        dict(type='CosineAnnealingLR', begin=3, convert_to_iter_based=True),
    ]
    message = r'train_cfg\.max_epochs=1 is not longer than the warm-up, the 3 epochs .*0\.end=1'
    with pytest.raises(ValueError, match=message):
        Runner.from_cfg(training_config).train()


@pytest.mark.parametrize(
    ('begin', 'by_epoch', 'length', 'words'),
    [
        (3, True, (4, None), None),
        (3, True, (3, None), 'train_cfg.max_epochs=3 is not'),
        (1500, False, (None, 100), 'max_iters=100 .* 1500 iterations .*0.end=10 .*1.begin=10'),
        (1500, False, (4, None), None),  # their number is known only with the data
    ],
)
def test_a_warm_up_is_a_schedule_at_whose_end_another_one_begins(begin, by_epoch, length, words):
    schedule = [dict(end=begin, by_epoch=by_epoch), dict(begin=begin, by_epoch=by_epoch)]
    said = describe_short_training(schedule, *length)
    assert said is None if words is None else re.search(words, said)


@pytest.mark.parametrize('config', OWN_IMAGES)
def test_the_schedules_of_own_images_follow_the_length(config):
    first = load_config(config)
    base = first.train_cfg.max_epochs
    assert first.auto_scale_schedule.base_epochs == base
    half = load_config(config, cfg_options={'train_cfg.max_epochs': base // 2})
    short = load_config(config, cfg_options={'train_cfg.max_epochs': 2})
    for whole, part, least in zip(
        first.param_scheduler, half.param_scheduler, short.param_scheduler, strict=True
    ):
        for key in ('begin', 'end'):
            if whole.get(key):
                assert part[key] == pytest.approx(whole[key] / 2, abs=0.5)
                assert least[key] == (2 if whole[key] == base else 1)
    own = {'train_cfg.max_epochs': 4, 'param_scheduler.0.end': 3, 'param_scheduler.1.begin': 3}
    assert load_config(config, cfg_options=own).param_scheduler[0].end == 3
