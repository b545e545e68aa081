"""Training and testing a segmentor with the commands' own functions, on a few images."""

import pickle
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.visualization import Visualizer
from mmseg.visualization import SegLocalVisualizer

from ade_folder import make_ade20k
from conftest import ROOT
from mcl_plugins.backbones import MaskedViT
from mcl_plugins.cli import test as test_command
from mcl_plugins.cli import train

CONFIG = ROOT / 'configs/cmae/transfer/ade20k-upernet_vit-b.py'
ARCH = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=48)
# The config in small: 64 px crops, scales of an eighth.
SMALL = f"""
_base_ = '{CONFIG}'
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(arch=dict(_delete_=True, **{ARCH}), img_size=64, out_indices=(0, 1, 2, 3)),
    neck=dict(embed_dims=24),
    decode_head=dict(in_channels=[24, 24, 24, 24], channels=8),
    auxiliary_head=dict(in_channels=24, channels=8),
    test_cfg=dict(crop_size=(64, 64), stride=(42, 42)))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=(64, 64)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeShortestEdge', scale=64, max_size=1000),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='ResizeShortestEdge', scale=s, max_size=1000) for s in (64, 80)],
        [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)],
        [dict(type='LoadAnnotations')],
        [dict(type='PackSegInputs')],
    ]),
]
train_dataloader = dict(num_workers=0, dataset=dict(data_root='ROOT', pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, dataset=dict(data_root='ROOT', pipeline=test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=2, val_interval=2)
param_scheduler = [dict(type='PolyLR', eta_min=0.0, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval=2), logger=dict(interval=1))
"""


@pytest.fixture
def config(tmp_path):
    """The small config on four images."""
    root = make_ade20k(tmp_path / 'ade', [(70, 90), (40, 100), (64, 64), (90, 50)])
    file = tmp_path / 'segmentor.py'
    file.write_text(SMALL.replace('ROOT', str(root)))
    return file


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Builds the runner of a command line."""

    def build(command, config, *arguments):
        words = [command.__name__, config, *arguments, '--work-dir', tmp_path / 'work']
        monkeypatch.setattr(sys, 'argv', [str(word) for word in words])
        # Formatting the config for the log takes longer than all the rest.
        monkeypatch.setattr(Config, 'pretty_text', property(lambda config: str(config.filename)))
        for kind in (Visualizer, SegLocalVisualizer):  # a command's own process has none
            kind._instance_dict.clear()
        options = vars(command.parse_args())
        out, item = options.pop('out', None), options.pop('out_item', None)
        if out:
            command.check_output(out, item)
        return command.build_runner(command.configure(**options))

    yield build
    MMLogger.get_instance('tests')


def test_a_segmentor_is_trained_tested_and_shown(config, call, tmp_path, recwarn):
    """From a pre-training file, over a whole training, to several scales and pictures."""
    encoder, start = MaskedViT(arch=ARCH, img_size=32), tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': {f'backbone.{k}': v for k, v in encoder.state_dict().items()}}, start)
    option = f'model.backbone.init_cfg.checkpoint={start}'
    runner = call(train, config, '--cfg-options', option)
    runner.train()
    assert type(runner).__module__ == 'mcl_plugins.engine.runner'
    assert not [w for w in recwarn if 'mmseg' in w.filename], 'mmseg warns of nothing'
    # 2 of the 16 images that the rate is stated for.
    assert runner.optim_wrapper.optimizer.defaults['lr'] == 1e-4
    assert max(g['initial_lr'] for g in runner.optim_wrapper.optimizer.param_groups) == 1.25e-5
    trained = tmp_path / 'work/iter_2.pth'
    assert trained.is_file()

    pictures = tmp_path / 'pictures'
    single = call(test_command, config, trained, '--show-dir', pictures).test()
    assert len(list(pictures.rglob('*.png'))) == 4
    runner = call(test_command, config, trained, '--out', tmp_path / 'maps.pkl')
    assert test_command.dump_type('mmseg') is test_command.DumpLabelMaps
    dump = test_command.DumpLabelMaps(out_file_path=str(tmp_path / 'maps.pkl'))
    runner.test_evaluator.metrics.append(dump)
    runner.test()
    maps = pickle.loads((tmp_path / 'maps.pkl').read_bytes())
    assert len(maps) == 4 and not any('seg_logits' in sample for sample in maps)
    assert maps[0]['pred_sem_seg']['data'].shape[-2:] == (70, 90)
    options = [f'load_from={trained}']  # the whole segmentor: no file for the encoder is asked for
    runner = call(train, config, '--overwrite', '--cfg-options', *options)
    assert 'init_cfg' not in runner.cfg.model.backbone
    runner = call(test_command, config, trained, '--tta')
    several = runner.test()
    assert type(runner.model).__name__ == 'SegTTAModel'
    assert {'aAcc', 'mIoU', 'mAcc'} <= set(single) & set(several)


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--out', 'm.txt', '--out-item', 'metrics'], 'm.txt: metrics can be written as .json'),
        (['--out', 'p.json'], 'p.json: pred can be written as .pkl'),
        (['--out', 'none/p.pkl'], "there is no folder 'none'"),
    ],
)
def test_results_that_cannot_be_written_stop_before_the_test(config, call, words, message):
    with pytest.raises(ValueError, match=message):
        call(test_command, config, 'iter_2.pth', *words)


def test_heads_of_another_number_of_classes_stop_before_training(config, call):
    options = ['model.decode_head.num_classes=19', 'model.backbone.init_cfg=None']
    runner = call(train, config, '--cfg-options', *options)
    with pytest.raises(ValueError, match=r'decode_head has num_classes=19, .* 150 classes'):
        runner.train()


def test_a_missing_data_folder_says_where_data_goes(config, call):
    options = ['train_dataloader.dataset.data_root=data/none', 'model.backbone.init_cfg=None']
    runner = call(train, config, '--cfg-options', *options)
    with pytest.raises(FileNotFoundError, match='data/none/images/training.*data_root='):
        runner.train()


@pytest.mark.parametrize(
    ('config', 'absent', 'said'),
    [
        ('cmae/transfer/ade20k-upernet_vit-b.py', 'mmseg', 'mmseg is not installed'),
        ('mimco/transfer/coco-mask-rcnn_swin-t.py', 'mmcv._ext', "needs mmcv's compiled ops"),
        ('mimco/transfer/coco-mask-rcnn_swin-t.py', 'mmdet', 'mmdet is not installed'),
    ],
)
def test_a_missing_library_names_the_command_that_installs_it(
    config, absent, said, call, monkeypatch
):
    for name in [n for n in sys.modules if n == absent or n.startswith(f'{absent}.')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)  # importing it raises
    with pytest.raises(ValueError, match=f'{said}.*bash tools/setup_env.sh --with-ops'):
        call(train, ROOT / 'configs' / config)
