"""Command lines of reproducing the rows of the tables."""

from __future__ import annotations

import argparse
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least
from .base import command_parser
from .options import Options


def run(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line of ``mcl reproduce``."""
    parser = command_parser('reproduce.run')
    parser.add_argument('method', nargs='?', help='folder of configs: conmim, ccmim, cmae, ...')
    parser.add_argument('row', nargs='?', help='name of the row, as --list prints it')
    parser.add_argument('--list', action='store_true', help='list the rows, of METHOD or of all')
    parser.add_argument(
        '--tiny', action='store_true', help='the same chain, shrunken, on made data'
    )
    parser.add_argument(
        '--all', action='store_true', help='with --tiny: every chain of METHOD or of all methods'
    )
    parser.add_argument(
        '--processes',
        type=at_least(1),
        default=0,
        help='processes of this machine; by default this one alone',
    )
    parser.add_argument('--slurm', default='', metavar='PARTITION', help='start with srun')
    parser.add_argument(
        '--start',
        type=Path,
        metavar='FILE',
        help="checkpoint in place of the first training, or of the other code's from which the "
        'chain starts',
    )
    parser.add_argument(
        '--sweep',
        type=sweep,
        metavar='KEY=VALUE,VALUE',
        help='train the last stage with each value; the best on the validation set counts',
    )
    parser.add_argument(
        '--preflight',
        action=argparse.BooleanOptionalAction,
        help='begin all trainings before the first one runs, to find faults and to measure their '
        'hours (default: with a GPU or Slurm, and not with --tiny)',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        help='folder for the folders of the rows; by default work_dirs/reproduce',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
        help='options of all configs to override, as key=value',
    )
    args = parser.parse_args(argv)
    if args.all and not args.tiny:
        parser.error('--all runs every chain shrunken: add --tiny.')
    if not (args.list or args.all) and not (args.method and args.row):
        parser.error('name a METHOD and a ROW, or see --list.')
    if args.slurm and not args.processes:
        parser.error('--slurm needs --processes, the number of all processes.')
    return args


def sweep(text: str) -> tuple[str, list[str]]:
    """Convert ``a.b=1,2`` to the option and its values.

    Example:
        >>> sweep('optim_wrapper.optimizer.lr=1e-3,2e-3')
        ('optim_wrapper.optimizer.lr', ['1e-3', '2e-3'])
    """
    key, _, values = text.partition('=')
    found = [value for value in values.split(',') if value]
    if not key or len(found) < 2:
        raise ArgumentTypeError(f'{text!r} is not of the form key=value,value.')
    return key, found


def zoo(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line of ``mcl zoo update``."""
    parser = command_parser('reproduce.zoo')
    parser.add_argument('record', type=Path, help='record.json of a finished row')
    return parser.parse_args(argv)
