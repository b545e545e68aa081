"""Numbers on a command line."""

from argparse import ArgumentParser

import pytest

from mcl_plugins.cli.arguments import at_least, positive


@pytest.fixture
def parse():
    """Parses one command line."""
    parser = ArgumentParser()
    parser.add_argument('--count', type=at_least(2))
    parser.add_argument('--rate', type=positive)
    return lambda *words: parser.parse_args(words)


def test_good_numbers_come_through(parse):
    args = parse('--count', '2', '--rate', '1e-3')
    assert (args.count, args.rate) == (2, 0.001)


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('--count', '1', 'argument --count: 1 must be at least 2'),
        ('--count', '2.5', "argument --count: '2.5' is not a whole number"),
        ('--rate', '0', 'argument --rate: 0 must be greater than 0'),
        ('--rate', 'inf', 'argument --rate: inf must be greater than 0'),
        ('--rate', 'nan', 'argument --rate: nan must be greater than 0'),
        ('--rate', 'fast', "argument --rate: 'fast' is not a number"),
    ],
)
def test_bad_ones_are_named_with_their_option(parse, capsys, option, value, message):
    with pytest.raises(SystemExit):
        parse(option, value)
    assert message in capsys.readouterr().err
