"""A user's mistake ends in its message, a fault of the code in its traceback."""

import errno
import re
import warnings

import pytest
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader, Dataset

from conftest import ROOT
from mcl_plugins.cli import common as command
from mcl_plugins.cli import train
from mcl_plugins.cli.messages import describe

CONFIG = ROOT / 'configs/quickstart/conmim.py'


@pytest.fixture
def start(images, tmp_path):
    """Builds the runner of a short training with more settings, and trains it if wanted."""

    def call(*settings):
        options = ['model.neck.hid_channels=32', 'model.backbone.patch_size=8']
        options += [f'train_dataloader.{o}' for o in ('batch_size=4', 'num_workers=0')]
        options += [f'train_dataloader.dataset.data_root={images}', 'train_cfg.max_epochs=3']
        words = [CONFIG, '--work-dir', tmp_path / 'work', '--cfg-options', *options]
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of experiments of the same second
            train.main([str(word) for word in [*words, *settings]])

    yield call
    MMLogger.get_instance('tests')


@pytest.mark.parametrize(
    ('setting', 'message'),
    [
        ('model.backbon.x=1', "ConMIM.* argument 'backbon'; did you mean 'backbone'"),
        ('model.momentum.strt=1', "MomentumSchedule.* argument 'strt'"),
        ('optim_wrapper.optimizer.lrr=1', "AdamW.* argument 'lrr'; did you mean 'lr'"),
        ('train_dataloader.batchsize=8', "DataLoader.* argument 'batchsize'"),
        ('optim_wrapper.accumulative_count=2', "'accumulative_count'; did .*'accumulative_counts'"),
        ('train_cfg.max_epoch=3', "EpochBasedTrainLoop.* argument 'max_epoch'"),
        ('train_dataloader.dataset.data_rot=x', "'data_rot'; did you mean 'data_root'"),
        ('optim_wrapper.optimizer.type=AdmW', 'optim_wrapper: its optimizer.type is not'),
        ('model.mask_generator.type=mcl_plugins.RandomMas', "did you mean 'mcl_plugins.RandomMask"),
        ('default_hooks.checkpont.interval=1', 'key "type", but got {\'interval\': 1}'),
        ('optim_wrapper.accumulative_counts=0', 'OptimWrapper: _accumulative_counts at least'),
    ],
)
def test_settings_that_cannot_be_built_are_named(start, setting, message):
    with pytest.raises((TypeError, KeyError, AssertionError)) as caught:
        start(setting)
    said = describe(caught.value)
    assert re.search(message, said)
    assert 'Check its names and values' in said and len(said) < 300


@pytest.mark.parametrize('kind', [TypeError, KeyError, AssertionError, RuntimeError])
def test_faults_of_the_code_keep_their_traceback(start, monkeypatch, kind):
    def loss(*_, **__):
        raise kind('a fault of the code')

    monkeypatch.setattr('mcl_plugins.algorithms.conmim.ConMIM.loss', loss)
    with pytest.raises(kind, match='a fault of the code') as caught:
        command.run(start)
    assert describe(caught.value) is None


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            raise OSError('the cause')
        except OSError as cause:
            raise self.error from cause


@pytest.mark.parametrize(
    ('error', 'message'),
    [
        (ValueError('x.jpg: damaged\nremove it'), 'x.jpg: damaged\nremove it'),
        (
            FileNotFoundError(errno.ENOENT, 'No such file', 'a.jpg'),
            "[Errno 2] No such file: 'a.jpg'",
        ),
    ],
)
def test_errors_of_loader_workers_are_their_message_alone(error, message):
    with pytest.raises(type(error)) as caught:
        next(iter(DataLoader(Broken(error), num_workers=1)))
    assert 'Original Traceback' in str(caught.value)
    assert describe(caught.value) == message


def test_errors_of_the_system_name_the_file(tmp_path):
    file = tmp_path / 'file'
    file.touch()
    with pytest.raises(FileExistsError) as caught:
        file.mkdir()
    assert describe(caught.value).startswith(
        f'{file}: File exists; a file has the name of the folder'
    )
    denied = PermissionError(errno.EACCES, 'Permission denied', '/closed/x')
    assert describe(denied).startswith('/closed/x: Permission denied; choose a path')
    full = OSError(errno.ENOSPC, 'No space left on device')
    assert (
        describe(full) == 'No space left on device; free some space, then continue with --resume.'
    )
    assert describe(FileNotFoundError('in words')) == 'in words'


def test_a_work_dir_that_is_a_file_ends_in_one_message(start, tmp_path, capsys, monkeypatch):
    (tmp_path / 'work').touch()
    with pytest.raises(SystemExit):
        command.run(start)
    assert capsys.readouterr().err.startswith(f'\nerror: {tmp_path}/work')
    monkeypatch.setenv('MCL_TRACEBACK', '1')
    with pytest.raises(OSError, match='work'):
        command.run(start)
