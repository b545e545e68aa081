"""What the package imports is what its metadata asks for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    packages_distributions,
    requires,
)

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conftest import ROOT

PACKAGE = ROOT / 'mcl_plugins'
MODULES = packages_distributions()
# The environment has OpenCV without its windows: another distribution of the same module.
HEADLESS = 'opencv-python-headless'
SAME = {HEADLESS: 'opencv-python'}
# Which extras a folder may import beside install_requires.
EXTRAS = {
    'datasets': ['archives'],
    'segmentation': ['seg'],
    'detection': ['det'],
    'encoders': ['export'],
    'cli': ['demo', 'export', 'seg', 'det'],
}


def declared(*extras):
    """Names of the distributions that setup.cfg asks for, with these extras."""
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    texts = [setup['options']['install_requires']]
    texts += [setup['options.extras_require'][extra] for extra in extras]
    lines = [line for text in texts for line in text.strip().splitlines()]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(file):
    """The top-level modules that a file imports, those of the standard library left out."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        else:
            continue
        yield from {name.partition('.')[0] for name in names} - sys.stdlib_module_names


def distributions_of(module):
    names = {canonicalize_name(name) for name in MODULES.get(module, ())}
    return {SAME.get(name, name) for name in names}


@pytest.mark.parametrize('folder', ['', *EXTRAS])
def test_every_import_is_declared(folder):
    known = declared(*EXTRAS.get(folder, ()))
    files = (PACKAGE / folder).rglob('*.py')
    if not folder:
        files = [f for f in files if f.relative_to(PACKAGE).parts[0] not in (*EXTRAS, '.mim')]
    missing = {
        f'{file.relative_to(ROOT)}: {module}'
        for file in files
        for module in imported(file)
        if module != 'mcl_plugins' and not distributions_of(module) & known
    }
    assert not missing


def test_every_requirement_is_imported_or_has_its_reason():
    used = {
        name
        for file in PACKAGE.rglob('*.py')
        for module in imported(file)
        for name in distributions_of(module)
    }
    # TensorBoard is written to by MMEngine's backend, which the configs name.
    assert declared(*EXTRAS['cli']) - used == {'tensorboard'}


def with_their_own_requirements(names):
    """These distributions and, level by level, what they ask for in this environment."""
    closure, new = set(), set(names)
    while new:
        closure |= new
        found = {name for parent in new for name in requirements_of(parent)}
        new = found - closure
    return closure


def requirements_of(name):
    try:
        lines = requires(name) or []
    except PackageNotFoundError:  # of another system, or OpenCV of another name
        return []
    asked = map(Requirement, lines)
    return [
        canonicalize_name(requirement.name)
        for requirement in asked
        if not requirement.marker or requirement.marker.evaluate({'extra': ''})
    ]


IMPORT = """
import importlib, json, pkgutil, sys
import mcl_plugins
for module in pkgutil.walk_packages(mcl_plugins.__path__, 'mcl_plugins.'):
    if not module.name.startswith('mcl_plugins.cli') and module.name not in sys.argv:
        importlib.import_module(module.name)
assert not {'mmdet', 'mmseg', 'sklearn', 'skimage'} & set(sys.modules)
"""


def test_the_package_imports_where_there_is_only_what_it_declares(tmp_path):
    visible = with_their_own_requirements(declared())
    assert SAME[HEADLESS] in visible  # mmcv asks for it
    for name in visible | {HEADLESS}:
        link_files_of(name, tmp_path)
    # Files that derive from parts of mmseg's or mmdet's are imported when such a part is built.
    optional = [
        '.'.join(file.relative_to(ROOT).with_suffix('').parts)
        for file in PACKAGE.rglob('*.py')
        if {'mmseg', 'mmdet', 'pycocotools'} & set(imported(file))
    ]
    assert optional
    result = subprocess.run(
        [sys.executable, '-S', '-c', IMPORT, *optional],  # without the environment's site-packages
        env={**os.environ, 'PYTHONPATH': f'{tmp_path}:{ROOT}'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def link_files_of(name, folder):
    """Link what a distribution has installed, if it is installed, into a folder."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    for top in {file.parts[0] for file in found.files} - {'..', '__pycache__'}:
        if not (folder / top).exists():  # several distributions may share it
            (folder / top).symlink_to(found.locate_file(top))
