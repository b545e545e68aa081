"""Command lines of the conversions between this package's checkpoints and the released ones."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .base import command_parser


def _two_files(method: str) -> argparse.ArgumentParser:
    parser = command_parser(f'convert.{method}')
    parser.add_argument('source', type=Path, help='file to convert')
    parser.add_argument('target', type=Path, help='file to write')
    parser.add_argument('--to-released', action='store_true', help='convert back')
    return parser


def conmim(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``convert_conmim``."""
    parser = _two_files('conmim')
    parser.add_argument('--teacher', type=Path, help='released EMA file that belongs to source')
    parser.add_argument(
        '--part',
        choices=['student', 'teacher'],
        default=argparse.SUPPRESS,
        help='which network --to-released converts; by default the student',
    )
    args = parser.parse_args(argv)
    if args.to_released and args.teacher:
        parser.error(
            f'--teacher {args.teacher} is a released file, and --to-released reads none: leave it '
            'out, or convert the EMA copy in source with --to-released --part teacher'
        )
    if 'part' in args and not args.to_released:
        parser.error(
            f'--part {args.part} is of --to-released: add it, or name the released EMA file with '
            '--teacher'
        )
    return args


def _single_file(method: str, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line of a method whose released checkpoint is one file."""
    return _two_files(method).parse_args(argv)


ccmim = partial(_single_file, 'ccmim')
cmae = partial(_single_file, 'cmae')
moby = partial(_single_file, 'moby')
mocov3 = partial(_single_file, 'mocov3')
