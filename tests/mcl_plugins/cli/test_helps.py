"""Every --help shows each option with its default, and lines that fit a terminal."""

import argparse

import pytest

from mcl_plugins.cli.app import COMMANDS
from parsers import parser_of

# Options that do nothing unless they are given, so that they have no default to show.
OFF = {
    *(
        '--against',
        '--against-released',
        '--arch',
        '--at',
        '--cfg-options',
        '--import',
        '--init-from',
    ),
    *('--json', '--labels', '--log', '--out', '--page', '--picture', '--probe-data', '--reference'),
    *('--resume', '--short-side', '--show-dir', '--slurm', '--start', '--step-rate', '--sweep'),
    *('--teacher', '--wheel', 'method', 'row'),
}


def with_value(parser):
    """The options, and the positional arguments that may be left out, that take a value."""
    for action in parser._actions:
        left_out = bool(action.option_strings) or action.nargs == '?'
        shown = action.help != argparse.SUPPRESS
        if left_out and shown and action.nargs != 0 and not action.required:
            yield action


@pytest.mark.parametrize('name', sorted(COMMANDS.keys() - {'torchrun'}))  # which is PyTorch's
def test_each_help_shows_defaults_and_fits(name, monkeypatch):
    monkeypatch.setenv('COLUMNS', '100')
    parser = parser_of(name)
    text = parser.format_help()
    assert not [line for line in text.splitlines() if len(line) > 100]
    words = ' '.join(text.split())
    for action in parser._actions:
        assert action.help, f'{action.option_strings or action.dest} is not explained'
    for action in with_value(parser):
        option = action.option_strings[0] if action.option_strings else action.dest
        if action.default not in (None, argparse.SUPPRESS, [], {}, ''):
            several = isinstance(action.default, list | tuple)
            default = ' '.join(map(str, action.default if several else [action.default]))
            assert f'(default: {default})' in words or 'default' in action.help, option
        else:
            assert option in OFF or 'default' in action.help, f'{option} states no default'


def test_no_option_is_excused_that_is_not_there():
    found = {
        action.option_strings[0] if action.option_strings else action.dest
        for name in COMMANDS.keys() - {'torchrun'}
        for action in with_value(parser_of(name))
    }
    assert found >= OFF


def test_lines_of_an_example_stay_lines():
    """A backslash at the end of a line is shown, and the line ends there."""
    lines = parser_of('masks').format_help().splitlines()
    (first,) = [index for index, line in enumerate(lines) if line.endswith(' \\')]
    assert lines[first + 1].strip().startswith('--images')
