"""The version matrix: one truth, and a clear message outside it."""

import importlib
from configparser import ConfigParser

import pytest
from packaging.requirements import Requirement

from conftest import ROOT
from mcl_plugins.utils import versions
from mcl_plugins.utils.versions import OPTIONAL, REQUIRED, check_version, check_versions

MATRIX = {**REQUIRED, **OPTIONAL}


def ranges():
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    lines = setup['options']['install_requires'].split('\n')
    extras = setup['options.extras_require']
    lines += [extras['seg'], extras['det']]
    requirements = [Requirement(line) for line in lines if line and not line.startswith('#')]
    return {requirement.name: requirement.specifier for requirement in requirements}


def test_matrix_equals_the_packages_metadata():
    declared = ranges()
    for distribution, specifier in MATRIX.values():
        assert declared[distribution] == Requirement(f'x{specifier}').specifier


def test_pins_lie_inside_the_matrix():
    pins = dict(
        line.split('==')
        for line in (ROOT / 'tools/requirements.lock').read_text().splitlines()
        if '==' in line and not line.startswith('#')
    )
    for name, (distribution, specifier) in MATRIX.items():
        check_version(name, distribution, specifier, pins[distribution])


def test_a_version_outside_is_named_with_the_remedy():
    message = r'mmcv 2\.9\.0 is installed.*<2\.4.*setup_env\.sh.*onedl-mmcv'
    with pytest.raises(ImportError, match=message):
        check_version('mmcv', *REQUIRED['mmcv'], '2.9.0')


def test_an_absent_library_is_named_with_the_remedy(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, 'import_module', absent)
    with pytest.raises(ImportError, match=r'torch is not installed.*setup_env\.sh'):
        check_versions()


def test_an_optional_library_of_another_version_is_warned_of(monkeypatch):
    monkeypatch.setattr(versions, 'version', lambda _: '9.9')
    with pytest.warns(UserWarning, match='is installed') as seen:
        check_versions()
    assert [str(warning.message)[:9] for warning in seen] == ['mmseg 9.9', 'mmdet 9.9']
    assert 'onedl-mmsegmentation' in str(seen[0].message)
