"""docs/equations.md: every place of the code that it names is there."""

import re
from importlib import import_module

import pytest

from conftest import ROOT
from mcl_plugins.cli.methods import methods

PAGE = (ROOT / 'docs/equations.md').read_text()
PLACES = re.findall(r'\| `([a-z_]+\.[\w.]+)` \|$', PAGE, re.MULTILINE)


@pytest.mark.parametrize('place', sorted(set(PLACES)))
def test_places_are_there(place):
    package, module, *names = place.split('.')
    found = import_module(f'mcl_plugins.{package}.{module}')
    for name in names:
        found = getattr(found, name)
    assert callable(found)


def test_every_method_has_a_section():
    linked = set(re.findall(r'\(\.\./configs/(\w+)/README.md\)', PAGE))
    assert linked == {method.folder for method in methods()}
    rows = [line for line in PAGE.splitlines() if line.startswith('| ') and '---' not in line]
    heads = [line for line in rows if line.endswith('| code |')]
    assert len(rows) - len(heads) == len(PLACES)
