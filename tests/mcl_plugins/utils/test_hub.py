"""OpenMMLab's hubs find the package's configs and models, in the checkout too."""

import mmpretrain
from mmengine import hub
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

import mcl_plugins
from conftest import ROOT
from mcl_plugins.utils import register_all_modules


def test_a_config_is_found_by_its_name():
    config = hub.get_config('mcl_plugins::conmim/vit-s.py')
    assert config.model == Config.fromfile(ROOT / 'configs/conmim/vit-s.py').model


def test_a_base_config_is_found_by_its_name():  # no metafile names it
    config = hub.get_config('mcl_plugins::_base_/schedules/conmim.py')
    assert config.optim_wrapper.type == 'mcl_plugins.Bf16OptimWrapper'


def test_a_users_config_inherits(tmp_path):
    file = tmp_path / 'own.py'
    file.write_text(
        "_base_ = ['mcl_plugins::conmim/vit-s.py']\nmodel = dict(head=dict(weight=2.0))\n"
    )
    config = Config.fromfile(file)
    assert config.model.type == 'mcl_plugins.ConMIM' and config.model.head.weight == 2


def test_a_model_is_built_from_its_name():
    model = hub.get_model('mcl_plugins::conmim/vit-s.py')
    assert isinstance(model, mcl_plugins.algorithms.ConMIM)


def test_mmpretrain_lists_and_builds_the_models():
    register_all_modules(init_default_scope=False)
    register_all_modules(init_default_scope=False)  # the second time changes nothing
    names = mmpretrain.list_models('*conmim*')
    assert {'conmim_vit-s_300e', 'vit-s_conmim-300e-pre_in1k'} <= set(names)
    assert isinstance(mmpretrain.get_model('conmim_vit-s_300e'), mcl_plugins.algorithms.ConMIM)


def test_types_without_a_scope_are_mmpretrains():
    with DefaultScope.overwrite_default_scope('mcl_plugins'):
        register_all_modules(init_default_scope=False)
        assert DefaultScope.get_current_instance().scope_name == 'mcl_plugins'
        register_all_modules()
        built = MODELS.build(dict(type='GlobalAveragePooling'))
    assert type(built).__module__.startswith('mmpretrain.')
