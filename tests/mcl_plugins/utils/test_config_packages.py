"""Configs inherit from packages by name, wherever they are read, and are then what they were."""

import itertools
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.config import config as config_module
from mmengine.config import utils as config_utils
from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
from mmengine.runner import Runner as MMEngineRunner

from conftest import ROOT
from mcl_plugins.engine import Runner
from mcl_plugins.registry import inherited_for
from mcl_plugins.utils import config_packages

COUNT = itertools.count()


@pytest.mark.parametrize('library', ['mmpretrain', 'mmseg', 'mmdet'])
def test_configs_inherit_from_the_libraries(tmp_path, library):
    pytest.importorskip(library, reason=f'{library} needs mmcv ops', exc_type=ImportError)
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = '{library}::_base_/default_runtime.py'\nmine = 1\n")
    loaded = Config.fromfile(config)
    assert loaded.mine == 1 and loaded.default_scope == library


def read(path):
    """A config in another process, which has only imported the package."""
    code = (
        'import sys, mcl_plugins; from mmengine.config import Config; '
        'config = Config.fromfile(sys.argv[1]); print(config.mine, config.default_scope)'
    )
    command = [sys.executable, '-c', code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    'base', ['mmseg::_base_/default_runtime.py', 'mcl_plugins::conmim/vit-b.py']
)
def test_importing_the_package_is_enough(tmp_path, base):
    pytest.importorskip(base.partition('::')[0])
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = ['{base}']\nmine = 1\n")
    result = read(config)
    assert result.stdout.split() == ['1', 'mmseg' if 'mmseg' in base else 'mmpretrain'], (
        result.stderr
    )


def test_an_absent_library_is_named_by_what_to_install(monkeypatch):
    monkeypatch.setattr(config_packages, 'find_spec', lambda _: None)
    monkeypatch.setattr(config_utils, 'MODULE2PACKAGE', dict(config_utils.MODULE2PACKAGE))
    monkeypatch.setattr(config_module, 'is_installed', lambda _: False)
    config_packages.name_config_packages()
    with pytest.raises(ModuleNotFoundError, match='please install onedl-mmsegmentation'):
        Config.fromfile(ROOT / 'configs/_base_/segmentation_runtime.py')


def shrunken(tmp_path, images, base):
    """The quickstart's pre-training of ConMIM in one epoch of four iterations."""
    file = tmp_path / 'config.py'
    file.write_text(f'_base_ = [{base!r}]\n')
    config = Config.fromfile(file)
    config.merge_from_dict(
        {
            'work_dir': str(tmp_path / f'work-{next(COUNT)}'),
            'experiment_name': f'{tmp_path.name}-{next(COUNT)}',
            'train_cfg.max_epochs': 1,
            'param_scheduler': None,
            'model.neck.hid_channels': 32,
            'model.backbone.patch_size': 8,
            'train_dataloader.batch_size': 4,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'train_dataloader.dataset.data_root': str(images),
        }
    )
    return config


@pytest.mark.parametrize('runner', [Runner, MMEngineRunner])
def test_a_training_that_inherits_is_the_same(tmp_path, images, runner):
    path = 'quickstart/conmim.py'
    weights = []
    for base in (str(ROOT / 'configs' / path), f'mcl_plugins::{path}'):
        torch.manual_seed(0)
        model = runner.from_cfg(shrunken(tmp_path, images, base)).train()
        weights.append(model.state_dict())
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


def without_scope(config):
    if isinstance(config, dict):
        return {k: without_scope(v) for k, v in config.items() if k != '_scope_'}
    return list(map(without_scope, config)) if isinstance(config, list | tuple) else config


def test_a_segmentor_that_is_inherited_has_mmsegs_parts(tmp_path):
    pytest.importorskip('mmseg')
    file = tmp_path / 'config.py'
    file.write_text("_base_ = ['mcl_plugins::quickstart/scenes_upernet.py']\n")
    inherited = Config.fromfile(file)
    plain = Config.fromfile(ROOT / 'configs/quickstart/scenes_upernet.py')
    assert without_scope(inherited.to_dict()) == without_scope(plain.to_dict())
    types = []
    for config in (plain, inherited):
        config.model.backbone.init_cfg = None
        with DefaultScope.overwrite_default_scope('mmseg'):
            model = MODELS.build(config.model)
            steps = [TRANSFORMS.build(step) for step in config.train_pipeline]
        types.append([type(part) for part in [*model.modules(), *steps]])
    assert types[0] == types[1]


def test_a_scope_of_ones_own_choice_means_the_packages_parts_first():
    with DefaultScope.overwrite_default_scope('mmseg'):
        assert inherited_for() is None
        with DefaultScope.overwrite_default_scope('mcl_plugins'):
            assert inherited_for() == 'mmseg'
    DefaultScope.get_instance('a-config', scope_name='mcl_plugins')
    try:
        assert inherited_for() is None
        assert MODELS.get('mcl_plugins.SyncBN').__module__.startswith('mcl_plugins')
    finally:
        DefaultScope._instance_dict.pop('a-config')
