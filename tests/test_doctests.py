"""The examples in the docstrings run and give what they say."""

import doctest
import importlib

import mmpretrain.models  # noqa: F401  prints a notice, which no example expects
import pytest

from conftest import ROOT

MODULES = sorted(
    '.'.join(file.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')
    for file in (ROOT / 'mcl_plugins').rglob('*.py')
    if '.mim' not in file.parts and '>>> ' in file.read_text()
)


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
    failed, attempted = doctest.testmod(importlib.import_module(name))
    assert not failed, 'what was expected and what came is in the output below'
    assert attempted
