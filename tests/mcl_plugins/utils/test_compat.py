"""The work-arounds do what they are for."""

import subprocess
import sys
import warnings

import pytest
import torch
from mmengine.registry import DATASETS, DefaultScope

from mcl_plugins.registry import MODELS
from mcl_plugins.utils import compat


@pytest.mark.parametrize('scope', ['mmpretrain', 'mmseg', 'mmdet'])
def test_parts_are_found_from_each_scope(scope):
    pytest.importorskip(scope, reason=f'{scope} needs mmcv ops', exc_type=ImportError)
    with DefaultScope.overwrite_default_scope(scope):
        assert MODELS.get('mcl_plugins.ConMIM').__name__ == 'ConMIM'
        assert DATASETS.get('mcl_plugins.ImageFolder').__name__ == 'ImageFolder'


@pytest.mark.parametrize('absent', [['mmdet'], ['mmseg'], ['mmdet', 'mmseg', 'mmcv._ext']])
def test_what_is_not_installed_is_not_missed(absent):
    """Without the dense libraries, and without mmcv's ops, the rest works."""
    code = (
        f'import sys; sys.modules.update(dict.fromkeys({absent!r})); import mcl_plugins; '
        'from mmpretrain.registry import MODELS; '
        'print(MODELS.get("mcl_plugins.ConMIM").__name__)'
    )
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False
    )
    # mmdet, where it is installed without mmcv's ops, prints notices of its own before.
    assert result.stdout.splitlines()[-1:] == ['ConMIM'], result.stderr


def test_a_quiet_import_still_fails_loudly():
    with pytest.raises(ModuleNotFoundError, match='no_such_module'):
        compat.import_quietly('no_such_module')


def test_only_the_meshgrid_notice_is_silenced():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        with compat.quiet_meshgrid():
            torch.meshgrid([torch.arange(2), torch.arange(2)])
            warnings.warn('something else', stacklevel=1)
    assert [str(warning.message) for warning in seen] == ['something else']


def test_linspace_is_on_the_host_and_only_there():
    with torch.device('meta'):
        with compat.LinspaceOnHost():
            assert torch.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
        assert torch.linspace(0, 1, 3).is_meta
