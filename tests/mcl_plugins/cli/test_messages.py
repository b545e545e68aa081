"""A user's mistake ends in its message, a fault of the code in its traceback."""

import errno
import re
import sys
import warnings

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import VISBACKENDS
from torch.utils.data import DataLoader, Dataset

from conftest import ROOT
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.cli import common as command
from mcl_plugins.cli import train
from mcl_plugins.cli.messages import describe
from mcl_plugins.mask_generators.patch_mask import check_mask_ratio
from mcl_plugins.utils.checks import resolve_arch

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
    def __init__(self, call, argument):
        self.call, self.argument = call, argument

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            raise OSError('the cause')
        except OSError:
            return self.call(self.argument)


@pytest.mark.parametrize(
    ('call', 'argument', 'message'),
    [
        (check_mask_ratio, 2, r'mask_ratio=2 is outside .* 0\.75\.'),
        (load_file, '/no/a.pth', r"(?s).*'/no/a\.pth' does not exist.*"),
    ],
)
def test_errors_of_loader_workers_are_their_message_alone(call, argument, message):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        next(iter(DataLoader(Broken(call, argument), num_workers=1)))
    assert 'Original Traceback' in str(caught.value)
    assert re.fullmatch(message, describe(caught.value))


def test_errors_of_python_in_a_loader_worker_keep_their_trace():
    with pytest.raises(ValueError, match='invalid literal') as caught:
        next(iter(DataLoader(Broken(int, 'x'), num_workers=1)))
    assert describe(caught.value) is None


@pytest.mark.parametrize(
    ('call', 'words'),
    [
        (lambda: [a for a, b in [(1, 2, 3)]], 'too many values'),  # Python's
        (lambda: torch.nn.BatchNorm1d(2)(torch.zeros(1, 2)), 'Expected more than 1'),  # PyTorch's
        (lambda: resolve_arch(dict(a=1), None, ()), ''),  # Python's, within this package
    ],
)
def test_what_was_not_raised_on_purpose_keeps_its_trace(call, words):
    with pytest.raises((ValueError, TypeError, AttributeError), match=words or '.') as caught:
        call()
    assert describe(caught.value) is None


def test_a_value_that_a_library_refuses_names_its_place(start):
    with pytest.raises(ValueError, match='Invalid learning rate') as caught:
        start('optim_wrapper.optimizer.lr=-1')
    assert re.match(r'AdamW: Invalid learning rate: -1.*\n.*--cfg-options', describe(caught.value))


def test_reasons_of_several_lines_are_whole(start, monkeypatch):
    def init(self, **_):
        raise AssertionError('one reason\nand another')

    monkeypatch.setattr('mcl_plugins.mask_generators.RandomMask.__init__', init)
    with pytest.raises(AssertionError) as caught:
        start()
    assert 'RandomMask: one reason\nand another\n' in describe(caught.value)


# Each visualiser of MMEngine that needs a library -> the library.
BACKENDS = {
    kind: kind.removesuffix('VisBackend').lower()
    for kind in VISBACKENDS.module_dict
    if kind != 'LocalVisBackend'
}


@pytest.mark.parametrize(('kind', 'name'), BACKENDS.items())
def test_a_missing_visualiser_names_the_command_that_installs_it(kind, name, monkeypatch, tmp_path):
    for module in (name, f'torch.utils.{name}', f'{name}X'):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        VISBACKENDS.get(kind)(save_dir=str(tmp_path)).experiment  # noqa: B018  it starts
    said = describe(caught.value)
    assert said.startswith(f'{name} is not installed')
    assert re.search(rf'\nInstall it: python -m pip install .*{name}\n', said)


def test_a_missing_library_names_the_command_and_a_missing_part_of_ours_does_not():
    error = ModuleNotFoundError("No module named 'sklearn'", name='sklearn.svm')
    assert 'python -m pip install scikit-learn' in describe(error)
    for module, distribution in (
        ('mmdet.models', 'onedl-mmdetection'),
        ('mmseg', 'onedl-mmsegmentation'),
        ('tifffile', 'tifffile'),
        ('cv2', 'opencv-python'),
    ):
        said = describe(ModuleNotFoundError(f'No module named {module!r}', name=module))
        assert said.startswith(f'{module.partition(".")[0]} is not installed')
        assert f'pip install {distribution}\n' in said
    for name in ('mcl_plugins.nothing', 'asyncio.nothing', None):
        assert describe(ModuleNotFoundError(f'No module named {name!r}', name=name)) is None
    assert describe(ImportError("cannot import name 'x' from 'torch'", name='torch')) is None


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
