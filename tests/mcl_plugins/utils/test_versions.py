"""The version matrix: one truth, and a clear message outside it."""

from configparser import ConfigParser

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from conftest import ROOT
from mcl_plugins.utils import versions
from mcl_plugins.utils.versions import OPTIONAL, REQUIRED, check_versions, describe_doubles

WORKING = dict(
    torch='2.11.0', onedl_mmengine='0.10.12', onedl_mmcv='2.3.6', onedl_mmpretrain='1.3.6'
)
MMCV = next(library for library in REQUIRED if library.module == 'mmcv')


def ranges():
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    extras = setup['options.extras_require']
    lines = [setup['options']['install_requires'], extras['seg'], extras['det']]
    requirements = [Requirement(line) for text in lines for line in text.strip().splitlines()]
    return {requirement.name: requirement.specifier for requirement in requirements}


def pins(python):
    """The versions of the lock for one version of Python."""
    lines = (ROOT / 'tools/requirements.lock').read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith('#')]
    environment = dict(python_version=python, python_full_version=f'{python}.0')
    chosen = [r for r in requirements if not r.marker or r.marker.evaluate(environment)]
    names = [requirement.name for requirement in chosen]
    assert sorted(set(names)) == sorted(names), 'pinned twice'
    return {r.name: next(iter(r.specifier)).version for r in chosen}


def test_matrix_equals_the_packages_metadata():
    declared = ranges()
    for library in (*REQUIRED, *OPTIONAL):
        assert declared[library.distribution] == Requirement(f'x{library.specifier}').specifier


@pytest.mark.parametrize('python', ['3.10', '3.11', '3.12'])
def test_pins_lie_inside_the_matrix(python):
    pinned = pins(python)
    for library in (*REQUIRED, *OPTIONAL):
        library.check(pinned[library.distribution])
    # Python 3.10 gets more packages, for parts of newer standard libraries; importlib-metadata asks
    # for lazy-importer from version 10 on, which Python 3.10 does not get.
    assert set(pins('3.11')) - set(pinned) <= {'lazy-importer'}


def test_the_markers_of_the_lock_ask_for_the_version_of_python_only():
    for line in (ROOT / 'tools/requirements.lock').read_text().splitlines():
        if ';' in line and not line.startswith('#'):
            variables = {str(part[0]) for part in Marker(line.partition(';')[2])._markers}
            assert variables == {'python_version'}


def test_a_version_outside_is_named_with_the_instruction():
    message = r'mmcv 2\.9\.0 is installed.*<2\.4.*onedl-mmcv.*setup_env\.sh'
    with pytest.raises(ImportError, match=message):
        MMCV.check('2.9.0')


def installed(monkeypatch, **distributions):
    """Let these distributions be installed, by their names with _ for -."""
    found = {name.replace('_', '-'): version for name, version in distributions.items()}
    monkeypatch.setattr(versions, 'find_version', found.get)


def test_an_absent_library_is_named_with_the_instruction(monkeypatch):
    installed(monkeypatch, torch='2.11.0')
    monkeypatch.setattr(versions, 'find_spec', {'fcntl': True}.get)
    with pytest.raises(ImportError, match=r'mmengine is not installed.*setup_env\.sh'):
        check_versions()


def test_windows_is_named_with_what_can_be_done(monkeypatch):
    monkeypatch.setattr(versions, 'find_spec', {'fcntl': None, 'mmengine': True}.get)
    with pytest.raises(ImportError, match=r'runs on Linux.*fcntl.*WSL 2'):
        check_versions()


def test_upstream_libraries_will_do(monkeypatch, recwarn):
    upstream = dict(mmengine='0.10.7', mmcv_lite='2.2.0', mmpretrain='1.2.0')
    installed(monkeypatch, torch='2.11.0+cpu', **upstream)
    check_versions()
    assert not recwarn


def test_an_optional_library_of_another_version_is_warned_of(monkeypatch):
    installed(monkeypatch, **WORKING, onedl_mmsegmentation='9.9', mmdet='1.0')
    with pytest.warns(UserWarning, match='is installed') as seen:
        check_versions()
    assert [str(warning.message)[:9] for warning in seen] == ['mmseg 9.9', 'mmdet 1.0']
    assert 'onedl-mmsegmentation' in str(seen[0].message)


@pytest.mark.parametrize(('found', 'fails'), [('5.0.0rc1', True), ('5.2', True), ('4.57.6', False)])
def test_a_transformers_that_breaks_mmpretrain_is_named_with_the_remedy(monkeypatch, found, fails):
    installed(monkeypatch, **WORKING, transformers=found)
    if not fails:
        check_versions()
        return
    message = f"transformers {found} is installed.*mmpretrain cannot.*pip install 'transformers<5'"
    with pytest.raises(ImportError, match=message):
        check_versions()


def test_two_distributions_of_one_library_are_named_with_the_instruction(monkeypatch):
    installed(monkeypatch, onedl_mmengine='0.10.12', mmengine='0.10.7', onedl_mmcv='2.3.6')
    message = describe_doubles()
    assert 'onedl-mmengine, mmengine' in message and 'mmcv' not in message
    assert 'pip uninstall -y onedl-mmengine mmengine' in message
    assert 'pip install onedl-mmengine"' in message


def test_either_distribution_alone_is_fine(monkeypatch):
    for name in ('onedl_mmengine', 'mmengine'):
        installed(monkeypatch, **{name: '0.10.12'})
        assert describe_doubles() is None
