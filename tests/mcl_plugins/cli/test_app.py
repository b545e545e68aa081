"""The command ``mcl``: what it lists, what it starts, and what it says of words that it lacks."""

import re
import subprocess
import sys

import pytest

from conftest import ROOT
from mcl_plugins import __version__
from mcl_plugins.cli import app

HELP = """
import sys
from mcl_plugins.cli.app import main
main(['--help'])
assert not {'torch', 'matplotlib', 'mmpretrain'} & sys.modules.keys()
"""


def refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        app.main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_the_help_lists_every_command_and_imports_no_library():
    command = [sys.executable, '-c', HELP]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    for name in app.COMMANDS:
        (line,) = [line for line in lines if re.match(rf'  {name}  +\S', line)]
        assert line.endswith('.') and len(line) <= 110, line


@pytest.mark.parametrize(
    'name', sorted(app.COMMANDS.keys() - {'torchrun'})
)  # whose help is PyTorch's
def test_each_command_explains_itself(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['mcl'])
    with pytest.raises(SystemExit) as ended:
        app.main([*name.split(), '--help'])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f'usage: mcl {name} ')
    assert app.summary(name) in shown


def test_each_script_of_tools_starts_a_command_and_each_command_has_one():
    scripts = [file for file in (ROOT / 'tools').rglob('*.py')]
    started = {}
    for script in scripts:
        (name,) = re.findall(r"^    run_command\('(.+)'\)$", script.read_text(), re.MULTILINE)
        started[name] = script
    assert started.keys() == app.COMMANDS.keys() and len(started) == len(scripts)


def test_the_module_is_the_command():
    command = [sys.executable, '-m', 'mcl_plugins', 'train', '--help']
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and '--cfg-options' in result.stdout and not result.stderr


def test_unknown_words_are_refused_with_what_is_near(capsys):
    assert "unknown command 'trian'; did you mean 'train'?" in refused(['trian', 'x.py'], capsys)
    assert "did you mean 'convert'?" in refused(['convrt', 'conmim'], capsys)
    assert "unknown command 'xyz'. mcl --help" in refused(['xyz'], capsys)
    assert 'usage: mcl COMMAND' in refused([], capsys)
    assert 'convert moby' in refused(['convert'], capsys)


def test_a_group_lists_its_commands(capsys):
    app.main(['bench', '--help'])
    listed = re.findall(r'^  (bench \S+)', capsys.readouterr().out, re.MULTILINE)
    assert {'bench step', 'bench flops', 'bench data', 'bench data-path'} <= set(listed)
    assert listed == [name for name in app.COMMANDS if name.startswith('bench ')]


def test_the_version_is_the_packages(capsys):
    app.main(['--version'])
    assert capsys.readouterr().out == f'mcl_plugins {__version__}\n'


def test_a_users_error_ends_in_its_message(capsys):
    with pytest.raises(SystemExit) as ended:
        app.main(['convert', 'conmim', '/no/such.pth', '/no/where.pth'])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith('\nerror: ') and '/no/such.pth' in said
