"""The argument parsers of the commands, which their functions do not hand out."""

import argparse
from unittest.mock import patch

from mcl_plugins.cli.app import COMMANDS
from mcl_plugins.cli.parsers.base import find_parser


class _CompleteError(Exception):
    """Ends a command's function as soon as its parser is complete."""


def parser_of(name):
    """Return the parser of a command of ``mcl``, as it is when it reads its arguments."""

    def stop(parser, *_, **__):
        raise _CompleteError(parser)

    with patch.object(argparse.ArgumentParser, 'parse_args', stop):
        try:
            find_parser(COMMANDS[name])([])
        except _CompleteError as found:
            (parser,) = found.args
            parser.prog = f'mcl {name}'
            return parser
    raise AssertionError(f'{name} reads no arguments')
