"""Command lines of mcl reproduce that ask for what cannot be run."""

import sys

import pytest

from mcl_plugins.cli.parsers.reproduce import run

ROW = ['conmim', 'table 1: ViT-B/16, 300 epochs, 224 px']


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['conmim', '--all'], 'error: --all runs every chain shrunken: add --tiny.'),
        ([], 'error: name a METHOD and a ROW, or see --list.'),
        (['conmim', '--tiny'], 'error: name a METHOD and a ROW, or see --list.'),
        ([*ROW, '--slurm', 'gpu'], 'error: --slurm needs --processes, the number of all processes'),
        ([*ROW, '--sweep', 'a.lr=1'], "--sweep: 'a.lr=1' is not of the form key=value,value."),
    ],
)
def test_what_is_missing_is_said_with_the_usage(words, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['mcl reproduce'])
    with pytest.raises(SystemExit) as ended:
        run(words)  # reads only; the command would begin to train
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith('usage: mcl reproduce ') and message in said


@pytest.mark.parametrize(
    'words',
    [
        ['--list'],
        ['conmim', '--list'],
        ['--all', '--tiny'],
        [*ROW, '--slurm', 'gpu', '--processes', '8'],
        [*ROW, '--sweep', 'a.lr=1,2'],
    ],
)
def test_what_is_complete_is_read(words):
    args = run(words)
    assert args.method == (words[0] if words[0] == 'conmim' else None)
    assert args.sweep == (('a.lr', ['1', '2']) if '--sweep' in words else None)
