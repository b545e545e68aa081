"""Settings that differ: None is not the same as nothing, nor True as 1, wherever it is said."""

import pytest
from mmengine.config import Config

from mcl_plugins.cli import compare
from mcl_plugins.cli.entries import Entry
from mcl_plugins.cli.logs import Run
from mcl_plugins.cli.report import facts
from mcl_plugins.engine.identity import config_differences, differing

OLD, NEW = {'a': None, 'b': 1, 'c': 2.0}, {'b': True, 'c': 2.0, 'd': 'not set'}


def test_names_are_sorted():
    assert differing(NEW, OLD) == ['a', 'b', 'd']
    assert differing(OLD, OLD, OLD) == differing(OLD) == differing() == []


def test_the_report_and_the_comparison_say_the_same(tmp_path):
    run = Run('run', {})
    text = '\n'.join(f'{key} = {value!r}' for key, value in OLD.items())
    found = facts.differences(facts.Facts(tmp_path, run, config=text), NEW)
    assert found == {
        'a': ('(not set)', None),
        'b': (True, 1),
        'd': ('not set', '(not set)'),
    }
    compared = compare.differences([Entry('old', [], OLD), Entry('new', [], NEW)])
    assert compared == {
        'a': {'old': None, 'new': 'not set'},
        'b': {'old': 1, 'new': True},
        'd': {'old': 'not set', 'new': 'not set'},
    }


@pytest.mark.parametrize(('saved', 'present'), [('1', True), ("'not set'", None)])
def test_a_resumed_training_says_what_is_other(saved, present):
    config = Config({'a': 1} if present is None else {'a': 1, 'find_unused': present})
    (line,) = config_differences(f'a = 1\nfind_unused = {saved}\n', config)
    assert line.startswith('find_unused: ')
