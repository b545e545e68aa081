"""The commands that users type, run as they type them, on a handful of images."""

import json
import os
import re
import shutil

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from conftest import ROOT
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.cli.common import read_config
from mcl_plugins.cli.reproduce.plan import plan
from mcl_plugins.cli.reproduce.rows import find_row
from mcl_plugins.utils.places import find_config
from processes import mcl, ranks_of, script

CONFIG = str(ROOT / 'configs/quickstart/conmim.py')
SHORT = [
    'train_cfg.max_epochs=3',
    'model.neck.hid_channels=32',
    'model.backbone.patch_size=8',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
]


@pytest.fixture
def options(images):
    """What makes a short run of sixteen images."""
    return [*SHORT, f'train_dataloader.dataset.data_root={images}']


def test_train_logs_a_readable_console_and_resumes(options, tmp_path):
    work_dir = tmp_path / 'work'
    words = [CONFIG, '--work-dir', work_dir]
    options.append('default_hooks.checkpoint.interval=1')
    settings = [*options, 'default_hooks.logger.interval=2']
    result = script('train.py', *words, '--cfg-options', *settings)
    assert result.returncode == 0, result.stderr
    lines = (result.stdout + result.stderr).splitlines()
    (line,) = [line for line in lines if 'Epoch(train) [3][4/4]' in line]
    for figure in ('loss', 'top1', 'chance', 'key_spread', 'lr', 'data_time', 'eta'):
        assert f' {figure}: ' in line
    assert len(lines) < 60
    assert lines[0].endswith('/train: 16 images.')  # no notices of the libraries before it
    assert (work_dir / 'epoch_3.pth').is_file()
    assert list(work_dir.glob('*/vis_data/events.out.tfevents*')), 'no TensorBoard log'

    (work_dir / 'epoch_3.pth').unlink()
    result = mcl('train', *words, '--resume', '--cfg-options', *options)
    assert result.returncode == 0, result.stderr
    assert 'resumed epoch: 2' in result.stdout + result.stderr


def test_kappa_is_in_the_log_line_and_in_tensorboard(options, tmp_path):
    """Masked BYOL on two processes, each with eight of the sixteen images."""
    names = [f'kappa_{part}' for part in ('representation', 'projection', 'prediction')]
    options = [option for option in options if 'model.' not in option]
    words = ['--work-dir', tmp_path / 'work', '--cfg-options', *options]
    words.append('default_hooks.logger.interval=2')
    result = mcl('train', ROOT / 'configs/quickstart/masked_byol.py', *words, processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    lines = (result.stdout + result.stderr).splitlines()
    (line,) = [line for line in lines if 'Epoch(train) [3][2/2]' in line]
    logged = [float(re.search(rf' {name}: ([\d.]+)', line)[1]) for name in names]
    (folder,) = tmp_path.glob('work/*/vis_data')
    events = EventAccumulator(str(folder))
    events.Reload()
    for name, value in zip(names, logged, strict=True):
        last = events.Scalars(name)[-1]
        assert last.step == 6 and last.value == pytest.approx(value, abs=1e-3)


def test_pretrained_file_is_fine_tuned_and_tested(options, tmp_path):
    """The way of the README: the pre-training file goes into fine-tuning as it is."""
    finetune = ROOT / 'configs/quickstart/conmim_finetune.py'
    # The same images serve as validation set.
    shutil.copytree(tmp_path / 'data/train', tmp_path / 'data/val')
    result = mcl('train', CONFIG, '--work-dir', tmp_path / 'pre', '--cfg-options', *options)
    assert result.returncode == 0, result.stderr
    folder = f'dataset.data_root={tmp_path / "data"}'
    tuning = [
        f'train_dataloader.{folder}',
        'train_dataloader.dataset.ann_file=',
        'train_dataloader.batch_size=8',
        f'val_dataloader.{folder}',
        f'test_dataloader.{folder}',
        'train_cfg.max_epochs=5',
        'train_cfg.val_interval=5',
        'model.head.num_classes=2',
        'data_preprocessor.num_classes=2',
    ]
    start = f'model.backbone.init_cfg.checkpoint={tmp_path / "pre/epoch_3.pth"}'
    work_dir = tmp_path / 'fine'
    words = ['--work-dir', work_dir, '--cfg-options', *tuning, start]
    result = mcl('train', finetune, *words)
    assert result.returncode == 0, result.stderr
    assert 'Loaded BEiTViT from' in result.stdout + result.stderr
    result = script(
        'dist_test.sh',
        finetune,
        work_dir / 'epoch_5.pth',
        2,
        '--work-dir',
        tmp_path / 'test',
        '--out',
        tmp_path / 'metrics.json',
        '--out-item',
        'metrics',
        '--cfg-options',
        *tuning,
        PORT=ranks_of(1)[0]['MASTER_PORT'],
    )
    assert result.returncode == 0, result.stderr[-3000:]
    # The test set is the validation set.
    (file,) = work_dir.glob('*/vis_data/scalars.json')
    rows = map(json.loads, file.read_text().splitlines())
    *_, validated = (row['accuracy/top1'] for row in rows if 'accuracy/top1' in row)
    tested = json.loads((tmp_path / 'metrics.json').read_text())['accuracy/top1']
    assert tested == pytest.approx(validated)


def test_slurm_train_calls_srun(tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(0o755)
    env = dict(PATH=f'{tmp_path}:{os.environ["PATH"]}', SRUN_ARGS='--exclusive --qos=high')
    words = ['part', 'job', CONFIG, 'out', '--resume']
    result = script('slurm_train.sh', *words, GPUS=16, **env)
    assert result.returncode == 0, result.stderr
    for words in (
        '-p part --job-name=job --gres=gpu:8 --ntasks=16 --ntasks-per-node=8',
        '--exclusive --qos=high',
        f'{CONFIG} --work-dir out --launcher slurm --resume',
    ):
        assert words in result.stdout


def test_dist_train_runs_two_processes_from_another_folder(options, tmp_path):
    result = script(
        'dist_train.sh',
        CONFIG,
        2,
        '--work-dir',
        tmp_path / 'work',
        '--cfg-options',
        *options,
        cwd=tmp_path,
        PORT=ranks_of(1)[0]['MASTER_PORT'],
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'Effective batch 8 = 2 processes x 4 images' in result.stdout + result.stderr
    assert (tmp_path / 'work/epoch_3.pth').is_file()


@pytest.mark.parametrize('method', ['ccmim', 'cmae'])
def test_the_mae_family_trains_on_two_processes(images, tmp_path, method):
    config = ROOT / f'configs/quickstart/{method}.py'
    words = [config, '--work-dir', tmp_path / 'work']
    options = [SHORT[0], *SHORT[3:], f'train_dataloader.dataset.data_root={images}']
    options.append('default_hooks.checkpoint.interval=1')
    result = mcl('train', *words, '--cfg-options', *options, processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    state = load_file(tmp_path / 'work/epoch_3.pth')['state_dict']
    assert any(name.startswith('ema.') for name in state) == (method == 'cmae')

    (tmp_path / 'work/epoch_3.pth').unlink()
    result = mcl('train', *words, '--resume', '--cfg-options', *options, processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'resumed epoch: 2' in result.stdout + result.stderr


TWO_STAGES = 'mimco_two_stage.sh'


@pytest.mark.parametrize('encoder', ['swin-t', 'swin-b', 'vit-s', 'vit-b'])
def test_mimcos_stages_are_a_row_of_its_table(encoder, tmp_path):
    """Its teacher, its student, and a classifier on it."""
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    result = script(TWO_STAGES, encoder, 8, '--start', 'moby.pth', PYTHON=python)
    program, method, name, *words = result.stdout.splitlines()
    assert program == str(ROOT / 'tools/reproduce.py')
    assert words == ['--processes', '8', '--start', 'moby.pth']
    stages = plan(find_row(method, name), lambda config: read_config(find_config(config)))
    teacher = f'{"moby" if encoder.startswith("swin") else "mocov3"}/{encoder}.py'
    expected = [teacher, f'mimco/{encoder}.py', f'mimco/transfer/in1k-finetune_{encoder}.py']
    assert [stage.config for stage in stages] == expected


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['resnet', 2], "unknown architecture 'resnet'"),
        (['swin-t'], 'swin-t|swin-b|vit-s|vit-b PROCESSES'),
        (['swin-t', 2, '--resume'], 'unrecognized arguments: --resume'),
        (['swin-t', 'two'], "--processes: 'two'"),
    ],
)
def test_mimcos_stages_name_what_is_wrong(arguments, message):
    result = script(TWO_STAGES, *arguments)
    assert result.returncode == 2 and message in result.stderr


def test_mimcos_stages_explain_themselves():
    result = script(TWO_STAGES, '--help')
    assert result.returncode == 0 and '--start FILE' in result.stdout and not result.stderr


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        # It is looked for before the data set, which is not there either.
        ('/no/moby.pth train_dataloader.dataset.data_root=/no/data', "'/no/moby.pth' does not"),
        ('{}/other.pth', 'does not fit SwinTransformer'),
    ],
)
def test_mimco_without_its_teacher_says_how_to_get_one(images, tmp_path, change, message):
    other = {'backbone.conv1.weight': torch.ones(1)}
    torch.save({'state_dict': other}, tmp_path / 'other.pth')
    config = ROOT / 'configs/quickstart/mimco.py'
    change = f'model.teacher.backbone.init_cfg.checkpoint={change}'.format(tmp_path).split()
    options = [*SHORT[3:], f'train_dataloader.dataset.data_root={images}', *change]
    result = mcl('train', config, '--work-dir', tmp_path / 'work', '--cfg-options', *options)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert message in result.stderr
    assert 'tools/train.py configs/quickstart/mimco_teacher.py' in result.stderr


SMALL_DATA = """
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type='mcl_plugins.ImageFolder',
        data_root='{images}',
        with_label=False,
        pipeline=[
            dict(
                type='mcl_plugins.LoadRandomResizedCrop', scale=32, crop_ratio_range={areas}),
            dict(type='PackInputs'),
        ]))
param_scheduler = []
"""
SMALL_MOCO_V3 = """
_base_ = '{root}/configs/mocov3/vit-s.py'

model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=48, num_layers=2, num_heads=12, feedforward_channels=96),
        img_size=32,
        patch_size=8),
    neck=dict(in_channels=48, hid_channels=32),
    head=dict(predictor=dict(hid_channels=32)))
train_cfg = dict(max_epochs=2)
"""
SMALL_MIMCO = """
_base_ = '{root}/configs/mimco/vit-s.py'

size = dict(img_size=32, patch_size=8)
arch = dict(_delete_=True, embed_dims=48, num_layers=2, feedforward_channels=96)
contrast = dict(projector=dict(in_channels=48), queue=dict(length=64))
model = dict(
    backbone=dict(arch=dict(**arch, num_heads=6), **size),
    teacher=dict(
        backbone=dict(
            arch=dict(**arch, num_heads=12),
            init_cfg=dict(checkpoint='{teacher}'),
            **size)),
    patch_contrast=contrast,
    image_contrast=contrast)
del size, arch, contrast
train_cfg = dict(max_epochs=1)
"""


def test_moco_v3_trains_on_two_processes_and_teaches_mimco(images, tmp_path):
    """mmpretrain's SyncBN and mixed precision would refuse gloo on CPUs."""
    data = SMALL_DATA.format(images=images, areas=[(0.08, 1.0)] * 2)
    (tmp_path / 'small.py').write_text(SMALL_MOCO_V3.format(root=ROOT) + data)
    result = mcl('train', tmp_path / 'small.py', '--work-dir', tmp_path / 'work', processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    state = load_file(tmp_path / 'work/epoch_2.pth')['state_dict']
    name = 'layers.1.attn.qkv.weight'
    assert not torch.equal(state[f'backbone.{name}'], state[f'ema.backbone.{name}'])

    # Its file is the teacher of MimCo's ViT as it is.
    teacher = tmp_path / 'work/epoch_2.pth'
    data = SMALL_DATA.format(images=images, areas=(0.08, 1.0))
    (tmp_path / 'mimco.py').write_text(SMALL_MIMCO.format(root=ROOT, teacher=teacher) + data)
    result = mcl('train', tmp_path / 'mimco.py', '--work-dir', tmp_path / 'mimco', processes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    assert f'Loaded VisionTransformer from {teacher}' in result.stdout + result.stderr
    assert (tmp_path / 'mimco/epoch_1.pth').is_file()


def test_more_processes_than_devices_say_how_to_spread():
    result = script('dist_train.sh', CONFIG, 4096)
    assert result.returncode == 2
    assert '4096 processes asked for, but this machine has' in result.stderr
    assert 'NODE_RANK=0 MASTER_ADDR=' in result.stderr and 'Traceback' not in result.stderr
    assert 'keeps the learning rate. The training is not quite the same' in result.stderr


@pytest.mark.parametrize('number', ['0', '-1', 'all', '1.5'])
def test_a_senseless_number_of_processes_is_refused(number):
    result = script('dist_train.sh', CONFIG, number)
    assert result.returncode == 2 and f"'{number}', not a positive integer" in result.stderr


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('train_dataloader.dataset.data_root=/no/such/place', '/no/such/place/train'),
        ('model.mask_generator.mask_ratio=1.2', 'mask_ratio=1.2 is outside (0, 1)'),
        ('model.backbone.img_size=33', 'img_size=33 is not a multiple of patch_size=8'),
        ('model.momentum.start=1.5', 'momentum start=1.5 is outside [0, 1]'),
        ('load_from=/no/such.pth', "'/no/such.pth' does not exist"),
        ('model.backbon.img_size=32', "argument 'backbon'; did you mean 'backbone'"),
        ('tran_dataloader.batch_size=4', "'tran_dataloader'; did you mean 'train_dataloader'"),
    ],
)
def test_bad_input_ends_in_one_clear_message(options, tmp_path, option, message):
    words = [CONFIG, '--work-dir', tmp_path / 'work']
    result = mcl('train', *words, '--cfg-options', *options, option)
    assert result.returncode == 1
    assert message in result.stderr and 'Traceback' not in result.stderr


@pytest.mark.parametrize('classes', [1, 7])
def test_a_classifier_of_another_number_of_classes_is_refused(images, tmp_path, classes):
    """With too many it would train without a word."""
    shutil.copytree(images / 'train', images / 'val')
    config = ROOT / 'configs/quickstart/conmim_finetune.py'
    folders = [f'{split}_dataloader.dataset.data_root={images}' for split in ('train', 'val')]
    few = ['train_dataloader.dataset.ann_file=', 'model.backbone.init_cfg=None']
    settings = [*folders, *few, f'model.head.num_classes={classes}']
    result = mcl('train', config, '--work-dir', tmp_path / 'work', '--cfg-options', *settings)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert f'model.head has num_classes={classes}, but the data set has 2' in result.stderr


def test_half_precision_without_a_gpu_is_refused(options):
    result = mcl('train', CONFIG, '--amp', CUDA_VISIBLE_DEVICES='')
    assert result.returncode == 1 and '--amp trains in float16 on a GPU' in result.stderr


def test_a_python_without_torch_is_named(tmp_path):
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\nexit 1\n')
    python.chmod(0o755)
    result = script('dist_train.sh', CONFIG, 2, PYTHON=python)
    assert result.returncode == 2 and 'cannot import torch; run tools/setup_env.sh' in result.stderr


def test_a_missing_config_and_an_untestable_one_are_named(tmp_path):
    result = mcl('train', 'configs/conmim/vit-x.py')
    assert result.returncode == 1 and "'configs/conmim/vit-x.py' does not exist" in result.stderr
    result = script('test.py', CONFIG, tmp_path / 'x.pth')
    assert result.returncode == 1 and 'has no test set' in result.stderr
