"""The files beside the code: hooks, citation and changelog say what the project does."""

import re

import yaml

from conftest import ROOT
from mcl_plugins import __version__


def test_pre_commit_checks_what_ci_checks():
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    (repository,) = config['repos']
    assert repository['repo'] == 'local'  # so the versions are those of the lock
    commands = [hook['entry'] for hook in repository['hooks']]
    lines = (ROOT / 'tools/run_tests.sh').read_text().splitlines()
    assert commands == [line for line in lines if re.match('ruff|mypy', line)]


def test_one_version_number():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == __version__ and citation['license'] == 'Apache-2.0'
    changes = (ROOT / 'CHANGELOG.md').read_text()
    first = re.search(r'^## \[([^\]]*)\]', changes, re.MULTILINE)[1]
    assert first in (__version__, 'Unreleased') and f'## [{__version__}]' in changes


def test_the_licence_is_whole():
    licence = (ROOT / 'LICENSE').read_text()
    assert 'Apache License' in licence and 'END OF TERMS AND CONDITIONS' in licence
