"""What is in the wheel, and that it works from an empty folder with only the wheel installed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ROOT
from mcl_plugins import __version__

SOURCES = ('mcl_plugins', 'configs', 'tools')
FILES = ('LICENSE', 'README.md', 'model-index.yml', 'pyproject.toml', 'setup.cfg')
# A user's pre-training and classifier: the quickstart's, shrunk to two iterations and two blocks.
OWN_CONFIG = """
_base_ = ['mcl_plugins::quickstart/conmim.py']
model = dict(backbone=dict(arch=dict(num_layers=2)))
train_dataloader = dict(batch_size=8, num_workers=0, dataset=dict(indices=16))
train_cfg = dict(max_epochs=1)
param_scheduler = [dict(type='ConstantLR', factor=1)]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
"""
OWN_CLASSIFIER = """
_base_ = ['mcl_plugins::quickstart/conmim_finetune.py']
model = dict(backbone=dict(arch=dict(num_layers=2)))
train_dataloader = dict(num_workers=0)
val_dataloader = dict(num_workers=0)
test_dataloader = dict(num_workers=0)
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [dict(type='ConstantLR', factor=1)]
"""


@dataclass
class Installation:
    """The wheel's files in a folder of their own, and an empty folder to work in."""

    site: Path
    folder: Path

    def run(self, *command):
        """Run a command; its output, once it has succeeded."""
        result = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            # The environment's own link to the checkout comes after PYTHONPATH.
            env={**os.environ, 'PYTHONPATH': str(self.site), 'OMP_NUM_THREADS': '1'},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def python(self, code):
        return self.run(sys.executable, '-c', f'{code}\n{ONLY_THE_WHEEL}')


ONLY_THE_WHEEL = """
import os, sys
for name, module in list(sys.modules.items()):
    if name.partition('.')[0] == 'mcl_plugins':
        assert module.__file__.startswith(os.environ['PYTHONPATH']), module
"""


def pip(*arguments):
    command = [sys.executable, '-m', 'pip', '--disable-pip-version-check', *map(str, arguments)]
    subprocess.run([*command, '--quiet', '--no-deps', '--no-index'], check=True)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The wheel, built from a copy: building leaves files where it is done."""
    source = tmp_path_factory.mktemp('source')
    unwanted = shutil.ignore_patterns('__pycache__', '*.pyc')
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=unwanted)
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    pip('wheel', '--no-build-isolation', '-w', source / 'dist', source)
    (file,) = (source / 'dist').iterdir()
    return file


@pytest.fixture(scope='module')
def installation(wheel, tmp_path_factory):
    place = tmp_path_factory.mktemp('installation')
    site, folder = place / 'site', place / 'folder'
    pip('install', '--no-compile', '--target', site, wheel)
    folder.mkdir()
    (folder / 'own.py').write_text(OWN_CONFIG)
    (folder / 'own_finetune.py').write_text(OWN_CLASSIFIER)
    return Installation(site, folder)


@pytest.fixture(scope='module')
def quickstart(installation):
    """What the console command leaves after images, pre-training, fine-tuning and evaluation."""
    installation.run(installation.site / 'bin/mcl', 'quickstart', '--method', 'own.py')
    return installation.folder / 'work_dirs/quickstart'


def files_under(folder):
    return {file.relative_to(folder) for file in folder.rglob('*') if file.is_file()}


def test_configs_and_tools_are_those_of_the_checkout(installation):
    mim = installation.site / 'mcl_plugins/.mim'
    assert files_under(mim / 'configs') == {
        file for file in files_under(ROOT / 'configs') if '__pycache__' not in file.parts
    }
    scripts = {file.name for file in files_under(mim / 'tools') if file.suffix == '.sh'}
    # The others make the environment of a checkout.
    assert {'dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'launch.sh'} <= scripts
    assert not {'setup_env.sh', 'run_tests.sh', 'quickstart.sh'} & scripts
    assert all((mim / 'tools' / name).stat().st_mode & stat.S_IXUSR for name in scripts)
    python = {file for file in files_under(mim / 'tools') if file.suffix == '.py'}
    assert python == {file for file in files_under(ROOT / 'tools') if file.suffix == '.py'}


def test_licence_types_data_and_version_are_there(installation):
    (information,) = installation.site.glob('mcl_plugins-*.dist-info')
    assert information.name == f'mcl_plugins-{__version__}.dist-info'
    assert (information / 'licenses/LICENSE').read_bytes() == (ROOT / 'LICENSE').read_bytes()
    assert 'License-Expression: Apache-2.0' in (information / 'METADATA').read_text()
    for name in ('py.typed', 'datasets/imagenet100.txt'):
        assert (installation.site / 'mcl_plugins' / name).is_file()
    assert (information / 'top_level.txt').read_text().split() == ['mcl_plugins']


def test_hubs_find_configs_and_models(installation):
    installation.python("""
import os
import mmpretrain
from mmengine import hub
from mmengine.config import Config
from mcl_plugins.algorithms import ConMIM
from mcl_plugins.utils import register_all_modules

config = hub.get_config('mcl_plugins::conmim/vit-b.py')
assert config.filename.startswith(os.environ['PYTHONPATH'])
assert config.model.type == 'mcl_plugins.ConMIM'
assert type(hub.get_model('mcl_plugins::conmim/vit-s.py')) is ConMIM
assert Config.fromfile('own.py').model.backbone.arch.num_layers == 2
register_all_modules(init_default_scope=False)
assert 'conmim_vit-b_800e' in mmpretrain.list_models('*conmim*')
assert type(mmpretrain.get_model('conmim_vit-s_300e')) is ConMIM
""")


def test_the_quickstart_trains_a_users_config_and_draws_its_report(quickstart):
    results = json.loads((quickstart / 'results.json').read_text())
    assert {'random', 'pretrained'} <= set(results['fine-tune on 200 labels'])
    assert (quickstart / 'report.png').stat().st_size


def test_converters_evaluation_and_pictures(installation, quickstart):
    checkpoint = quickstart / 'pretrain/epoch_1.pth'
    images = 'data/quickstart/val'
    commands = [
        ['convert', 'conmim', checkpoint, 'released.pth', '--to-released'],
        ['convert', 'conmim', 'released.pth', 'again.pth'],
        ['knn', 'own_finetune.py', checkpoint, '--k', '1'],
        ['curves', quickstart / 'pretrain', '--out', 'curves.png'],
        ['masks', 'own.py', checkpoint, '--images', images, '--out', 'masks.png'],
    ]
    lines = [f'main({[str(word) for word in words]})' for words in commands]
    lines += [
        'import mcl_plugins',
        f'encoder = mcl_plugins.load_encoder({str(checkpoint)!r})',
        f'mcl_plugins.encode_folder(encoder, {images!r}, "features.npy", progress=False)',
    ]
    installation.python('from mcl_plugins.cli.app import main\n' + '\n'.join(lines))
    written = ('again.pth', 'curves.png', 'masks.png', 'features.npy', f'{checkpoint}.knn.json')
    assert all((installation.folder / name).stat().st_size for name in written)
