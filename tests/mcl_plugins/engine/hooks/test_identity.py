"""A training that is resumed is the one that the checkpoint is from."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop

from mcl_plugins.engine.hooks import IdentityHook, OverwriteHook
from mcl_plugins.engine.identity import config_differences, identify
from mcl_plugins.engine.runner import Runner

COUNT = itertools.count()  # no two runners of a process may have one name


@pytest.fixture
def encoders(tmp_path):
    """Two files, and a copy of the first."""
    for name, content in (('a.pth', b'1'), ('b.pth', b'2'), ('copy.pth', b'1')):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def settings(encoder, **more):
    init_cfg = encoder if encoder is None else dict(type='Pretrained', checkpoint=str(encoder))
    return Config(
        dict(
            model=dict(type='mcl_plugins.ConMIM', backbone=dict(type='ViT', init_cfg=init_cfg)),
            train_dataloader=dict(dataset=dict(data_root='data/a', ann_file='few.txt')),
            randomness=dict(seed=0),
            **more,
        )
    )


class Wrapper(OptimWrapper):
    def __init__(self):
        pass


def resume(config, saved, epoch=1, cfg=''):
    """Ask the hook about a checkpoint; returns what it logged."""
    said = []
    runner = SimpleNamespace(
        cfg=config,
        _resume=True,
        _load_from='work/epoch_1.pth',
        optim_wrapper=Wrapper(),
        train_loop=EpochBasedTrainLoop.__new__(EpochBasedTrainLoop),
        logger=SimpleNamespace(warning=said.append),
    )
    runner.train_loop._max_epochs = 3
    meta = dict(epoch=epoch, iter=4, identity=saved, cfg=cfg)
    hook = IdentityHook()
    hook.after_load_checkpoint(runner, dict(meta=meta))
    hook.before_train(runner)
    return said


def test_another_encoder_is_refused_by_its_content(encoders):
    """The rows of an ablation share a config and so a work dir."""
    saved = identify(settings(encoders / 'a.pth'))
    assert not resume(settings(encoders / 'copy.pth'), saved)
    for other, words in ((encoders / 'b.pth', r'b\.pth \(sha256 '), (None, 'no file')):
        for epoch in (1, 3):  # a finished row is no result of another one either
            with pytest.raises(ValueError, match=rf'init_cfg\.checkpoint: .*a\.pth.*{words}'):
                resume(settings(other), saved, epoch)
    assert not resume(settings(''), saved)  # not stated: it is in the checkpoint
    (encoders / 'a.pth').unlink()
    assert not resume(settings(encoders / 'a.pth'), saved)


@pytest.mark.parametrize(
    ('key', 'value', 'words'),
    [
        ('model.type', 'mcl_plugins.CMAE', 'model.type: ConMIM in the file, CMAE here'),
        ('randomness.seed', 1, 'randomness.seed: 0 in the file, 1 here'),
        ('train_dataloader.dataset.data_root', 'data/b', 'data_root: .*data/a .*data/b here'),
        ('train_dataloader.dataset.ann_file', 'all.txt', 'ann_file: few.txt .* all.txt here'),
    ],
)
def test_another_method_seed_or_data_set_is_refused(key, value, words):
    config = settings(None, load_from='work/epoch_1.pth', resume_found=True)
    saved = identify(config)
    config.merge_from_dict({key: value})
    with pytest.raises(ValueError, match=words) as caught:
        resume(config, saved)
    assert str(caught.value).startswith('work/epoch_1.pth is from another training')
    assert 'choose another --work-dir' in str(caught.value)


def test_data_that_was_moved_is_a_warning_where_the_checkpoint_is_named():
    config = settings(None, load_from='work/epoch_1.pth', resume_found=False)
    saved = identify(config)
    config.train_dataloader.dataset.data_root = 'elsewhere'
    (said,) = resume(config, saved)
    assert 'the data is elsewhere: train_dataloader.dataset.data_root' in said


def test_a_validation_that_is_left_out_is_not_another_data_set():
    config = settings(None, val_dataloader=dict(dataset=dict(data_root='data/a')))
    saved = identify(config)
    config.val_dataloader = None
    assert not resume(config, saved)


def test_versions_and_settings_that_differ_are_listed():
    config = settings(None)
    saved = identify(config)
    saved['versions']['torch'] = '1.0'
    before = config.pretty_text
    config.model.temperature = 0.2
    versions, differing = resume(config, saved, cfg=before)
    assert 'torch: 1.0 in the file' in versions
    assert 'hold from here on' in differing
    assert 'model.temperature: not set in the file, 0.2 here' in differing


def test_a_finished_training_says_so():
    config = settings(None)
    (said,) = resume(config, identify(config), epoch=3)
    assert 'is the end of a finished training (epoch 3 of 3)' in said


def test_a_file_of_before_is_accepted():
    assert not resume(settings(None), None)


def test_a_config_in_a_checkpoint_is_not_run(tmp_path):
    text = f"x = open({str(tmp_path / 'x')!r}, 'w')\nmodel = dict(a=[dict(b=1)])\n"
    lines = config_differences(text, Config(dict(model=dict(a=[dict(b=2)]))))
    assert lines == ['model.a.0.b: 1 in the file, 2 here']
    assert not (tmp_path / 'x').exists()


def test_the_runner_writes_and_compares_it(training_config):
    config = training_config
    config.randomness = dict(seed=3)
    Runner.from_cfg(config).train()
    config.randomness = dict(seed=4)
    config.experiment_name += f'-{next(COUNT)}'
    config.resume = True
    with pytest.raises(ValueError, match=r'randomness\.seed: 3 in the file, 4 here'):
        Runner.from_cfg(config).train()


def test_overwriting_deletes_the_checkpoints_alone(tmp_path):
    for name in ('epoch_1.pth', 'best_top1_epoch_1.pth', 'last_checkpoint', 'encoder.pth', 'log'):
        (tmp_path / name).touch()
    logger = SimpleNamespace(info=lambda _: None)
    OverwriteHook().before_train(SimpleNamespace(work_dir=str(tmp_path), cfg={}, logger=logger))
    assert sorted(file.name for file in Path(tmp_path).iterdir()) == ['encoder.pth', 'log']
