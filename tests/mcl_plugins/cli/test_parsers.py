"""Command lines are read before any library is imported."""

import subprocess
import sys

import pytest

from mcl_plugins.cli.app import COMMANDS
from mcl_plugins.cli.parsers.base import find_parser
from mcl_plugins.evaluation.knn import KS
from mcl_plugins.evaluation.revisited import SCALES

ALL_HELPS = """
import contextlib, io, sys
from mcl_plugins.cli.app import COMMANDS, main

for name in COMMANDS:
    for words, status in (['--help'], 0), (['--no-such-argument'], 2):
        if name == 'torchrun':
            continue  # PyTorch's own command
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            try:
                main([*name.split(), *words])
            except SystemExit as end:
                assert end.code == status, (name, words, end.code, shown.getvalue())
            else:
                raise AssertionError((name, words))
        assert f'usage: mcl {name}' in shown.getvalue(), shown.getvalue()
loaded = {'torch', 'mmcv', 'mmpretrain', 'matplotlib', 'sklearn'} & set(sys.modules)
assert not loaded, loaded
"""


def test_help_and_wrong_arguments_need_no_library():
    """For every command: importing the libraries takes seconds, and reading arguments does not."""
    subprocess.run([sys.executable, '-c', ALL_HELPS], check=True)


@pytest.mark.parametrize('command', ['knn', 'retrieval'])
def test_defaults_that_a_help_states_are_those_of_the_function(command, capsys):
    """The parser leaves them out, because their constants are in modules that import PyTorch."""
    with pytest.raises(SystemExit):
        find_parser(COMMANDS[command])(['--help'])
    stated = ' '.join(capsys.readouterr().out.split())
    if command == 'knn':
        assert f'by default {", ".join(map(str, KS[:-1]))} and {KS[-1]}' in stated
    else:
        assert len(SCALES) == 3
        assert 'by default three' in stated
    required = ['config', 'checkpoint', *(['--data', 'x'] if command == 'retrieval' else [])]
    assert not {'ks', 'scales'} & vars(find_parser(COMMANDS[command])(required)).keys()
