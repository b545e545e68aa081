"""Importing the package and building a part changes nothing of the libraries and the process."""

import subprocess
import sys

import pytest

from conftest import ROOT

# Runs in a process of its own, with the libraries imported before the first look.
CODE = '''
import logging, os, sys, warnings
import torch
import mmengine.hub, mmengine.runner, mmengine.hooks, mmengine.config, mmcv.transforms
import mmpretrain.datasets, mmpretrain.engine, mmpretrain.evaluation, mmpretrain.models
import mmpretrain.visualization
import scipy.optimize, PIL.Image, torch.utils.data
from mmengine.registry import MODELS, HOOKS, RUNNERS, DefaultScope

LIBRARIES = {'mmengine', 'mmcv', 'mmpretrain', 'torch', 'logging', 'warnings'}


def functions():
    """Every function and class of the modules, and every function of the classes, by name."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.split('.')[0] not in LIBRARIES or module is None:
            continue
        for key, value in list(vars(module).items()):
            if not callable(value):
                continue
            found[name, key] = value
            if isinstance(value, type):
                for method, body in list(vars(value).items()):
                    if callable(body) or isinstance(body, (classmethod, staticmethod, property)):
                        found[name, key, method] = body
    return found


def process():
    root = logging.root
    return dict(
        filters=list(warnings.filters),
        logging=(root.level, root.manager.disable, list(root.handlers), list(root.filters)),
        streams=(sys.stdout, sys.stderr, sys.excepthook, warnings.showwarning),
        environment=dict(os.environ),
        threads=torch.get_num_threads(),
        dtype=torch.get_default_dtype(),
        path=list(sys.path),
    )


before, state = functions(), process()
assert ('mmengine.runner.checkpoint', '_safe_torch_load') in before
assert ('mmcv.transforms.loading', 'LoadImageFromFile', 'transform') in before
'''
BUILD = """
import mcl_plugins
for room in mcl_plugins.__all__:
    getattr(mcl_plugins, room)
with DefaultScope.overwrite_default_scope('mmpretrain'):
    HOOKS.build(dict(type='mcl_plugins.CheckpointHook'))
    RUNNERS.get('mcl_plugins.Runner')
    MODELS.build(dict(type='mcl_plugins.MaskedViT', arch='deit-tiny', img_size=32, patch_size=8))
"""
COMPARE = """
after = functions()
changed = [name for name, value in before.items() if after.get(name) is not value]
assert not changed, changed
for name, value in process().items():
    assert value == state[name], (name, value, state[name])
print('unchanged', len(before))
"""


def run(code):
    command = [sys.executable, '-W', 'ignore', '-c', code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_nothing_of_the_libraries_is_exchanged():
    result = run(CODE + BUILD + COMPARE)
    assert result.stdout.rpartition('unchanged ')[2].strip().isdecimal(), result.stderr[-3000:]


def test_the_comparison_sees_an_exchanged_method():
    exchange = 'mmengine.hooks.CheckpointHook.after_train = lambda *_: None\n'
    assert "'CheckpointHook', 'after_train'" in run(CODE + exchange + COMPARE).stderr


@pytest.mark.parametrize(
    'statement', ['import mcl_plugins', 'from mcl_plugins.evaluation.knn import knn_predict']
)
def test_importing_says_nothing_and_brings_no_dense_library(statement):
    code = f'{statement}; import sys; assert not {{"mmseg", "mmdet"}} & set(sys.modules)'
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, '', '')
