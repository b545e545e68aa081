"""Arguments of a conversion that would not be read are refused."""

import pytest

from mcl_plugins.cli.parsers.convert import conmim


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--to-released', '--teacher', '/nofile'], '--teacher /nofile is a released file'),
        (['--part', 'teacher'], '--part teacher is of --to-released'),
        (['--part', 'student', '--teacher', 'ema.pth'], '--part student is of --to-released'),
    ],
)
def test_what_is_not_read_is_refused(words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        conmim(['a.pth', 'b.pth', *words])
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_what_is_read_is_passed_on():
    assert 'part' not in conmim(['a.pth', 'b.pth', '--teacher', 'ema.pth'])
    assert conmim(['a.pth', 'b.pth', '--to-released', '--part', 'teacher']).part == 'teacher'
    assert conmim(['a.pth', 'b.pth', '--to-released']).to_released
