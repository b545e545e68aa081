"""The version matrix: one truth, and a clear message outside it."""

from configparser import ConfigParser

import pytest
from packaging.requirements import Requirement

from conftest import ROOT
from mcl_plugins.versions import OPTIONAL, REQUIRED, check_version


def ranges():
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    lines = setup['options']['install_requires'].split('\n')
    extras = setup['options.extras_require']
    lines += [extras['seg'], extras['det']]
    requirements = [Requirement(line) for line in lines if line and not line.startswith('#')]
    return {requirement.name: requirement.specifier for requirement in requirements}


DISTRIBUTIONS = {
    'torch': 'torch',
    'mmengine': 'onedl-mmengine',
    'mmcv': 'onedl-mmcv',
    'mmpretrain': 'onedl-mmpretrain',
    'mmseg': 'onedl-mmsegmentation',
    'mmdet': 'onedl-mmdetection',
}


def test_matrix_equals_the_packages_metadata():
    declared = ranges()
    for name, specifier in {**REQUIRED, **OPTIONAL}.items():
        assert str(declared[DISTRIBUTIONS[name]]) == str(Requirement(f'x{specifier}').specifier)


def test_pins_lie_inside_the_matrix():
    pins = dict(
        line.split('==')
        for line in (ROOT / 'tools/requirements.lock').read_text().splitlines()
        if '==' in line and not line.startswith('#')
    )
    for name, specifier in {**REQUIRED, **OPTIONAL}.items():
        check_version(name, specifier, pins[DISTRIBUTIONS[name]])


def test_a_version_outside_is_named_with_the_remedy():
    with pytest.raises(ImportError, match=r'mmcv 2\.9\.0 is installed.*<2\.4.*setup_env\.sh'):
        check_version('mmcv', REQUIRED['mmcv'], '2.9.0')
