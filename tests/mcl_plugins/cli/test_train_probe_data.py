"""--probe-data: labelled images that a pre-training classifies in its course."""

import json

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from conftest import ROOT
from mcl_plugins.cli.common import build_runner
from mcl_plugins.cli.train import configure, train
from mcl_plugins.engine.hooks import ProbeHook
from mcl_plugins.targets.frozen_teacher import FrozenTeacher

# One for each class of encoder, as it is for images without a mask.
METHODS = ('conmim', 'ccmim', 'masked_moco', 'mimco', 'mimco_teacher')


@pytest.fixture
def labelled(tmp_path):
    """Dark and bright pictures, 24 of train and 6 of val."""
    rng = np.random.default_rng(0)
    for split, count in (('train', 24), ('val', 6)):
        for index in range(count):
            folder = tmp_path / 'labelled' / split / ('dark', 'bright')[index % 2]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 60, (40, 48, 3)) + 190 * (index % 2)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f'{index}.png')
    return tmp_path / 'labelled'


def short(labelled):
    return {
        'train_dataloader.dataset.data_root': str(labelled),
        'train_dataloader.batch_size': 8,
        'train_dataloader.num_workers': 0,
        'train_cfg.max_epochs': 3,
    }


def probe_of(config):
    (hook,) = [hook for hook in config.custom_hooks if hook.type == 'mcl_plugins.ProbeHook']
    return hook


@pytest.mark.parametrize('method', METHODS)
def test_the_encoders_of_the_methods_are_probed(method, labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(FrozenTeacher, 'init_weights', lambda self: None)
    config = configure(
        f'quickstart/{method}.py',
        work_dir=tmp_path / 'work',
        probe_data=str(labelled),
        cfg_options=short(labelled),
    )
    assert probe_of(config).encoder == ('ema.backbone' if method == 'conmim' else 'backbone')
    runner = build_runner(config)
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, ProbeHook)]
    hook.before_train(runner)
    found = hook.probe(runner)
    assert found.keys() == {'knn_20'} and hook.images == 6
    assert hook.recalls['knn_20'].chance == 0.5


def test_a_training_logs_its_probes_beside_its_other_hooks(labelled, tmp_path):
    runner = train(
        'quickstart/masked_byol.py',
        work_dir=tmp_path / 'work',
        probe_data=str(labelled),
        cfg_options=short(labelled),
    )
    assert sum(type(hook).__name__ == 'ConcentrationHook' for hook in runner.hooks) == 1
    (file,) = tmp_path.glob('work/*/vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len([row for row in rows if 'knn_20' in row]) == 3  # a twentieth of 3 epochs is one


def test_the_probe_is_of_the_images_that_the_method_sees(tmp_path):
    gray = probe_of(configure('quickstart/ccmim.py', work_dir=tmp_path, probe_data='labels'))
    steps = [step.type.rpartition('.')[2] for step in gray.val_dataloader.dataset.pipeline]
    assert steps == [
        'LoadImageFromFile',
        'ResizeEdge',
        'CenterCrop',
        'RandomGrayscale',
        'PackInputs',
    ]
    options = {
        'model.backbone.in_channels': 1,
        'train_dataloader.dataset.pipeline.0.bit_depth': 12,
    }
    config = configure(
        'conmim/vit-b.py', work_dir=tmp_path, probe_data='labels', cfg_options=options
    )
    loading, resize, crop, _ = probe_of(config).train_dataloader.dataset.pipeline
    assert (loading.bit_depth, loading.color_type) == (12, 'grayscale')
    assert (resize.scale, crop.crop_size, probe_of(config).interval) == (256, 224, 40)


def test_what_cannot_be_probed_is_refused_before_the_training(labelled, tmp_path):
    for name in ('quickstart/conmim_finetune.py', 'cmae/transfer/ade20k-upernet_vit-b.py'):
        with pytest.raises(ValueError, match='labels needs a pre-training by epochs'):
            configure(name, work_dir=tmp_path / 'a', probe_data='labels')
    with pytest.raises(ValueError, match='and the ProbeHook in custom_hooks'):
        configure('own/conmim_vit-s_probe.py', work_dir=tmp_path / 'a', probe_data='labels')
    with pytest.raises(FileNotFoundError, match=r'no/train.* does not exist'):
        train(
            'quickstart/cmae.py',
            work_dir=tmp_path / 'b',
            probe_data='no',
            cfg_options=short(labelled),
        )
    assert not list(tmp_path.glob('b/*.pth'))
    config = Config.fromfile(ROOT / 'configs/pocket/simmim.py')
    config.train_dataloader.dataset.data_root = str(labelled)
    config.train_dataloader.batch_size = 8
    config.dump(tmp_path / 'simmim.py')
    with pytest.raises(ValueError, match='an encoder that needs a mask cannot be probed'):
        train(tmp_path / 'simmim.py', work_dir=tmp_path / 'c', probe_data=str(labelled))
