"""Command lines of the demonstrations."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..quickstart.methods import methods
from .base import command_parser


def run(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`run_quickstart`."""
    parser = command_parser('quickstart.run')
    parser.add_argument(
        '--method', default='conmim', help=f'{", ".join(methods())}, or the path of a config'
    )
    parser.add_argument(
        '--seeds',
        type=int,
        choices=(1, 2, 3),
        default=1,
        help='number of fine-tunings from each start',
    )
    parser.add_argument(
        '--work-dir', type=Path, help='folder for results; by default work_dirs/quickstart'
    )
    return parser.parse_args(argv)


def transfer(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`run_transfer_demo`."""
    parser = command_parser('quickstart.transfer')
    parser.add_argument(
        '--seeds',
        type=int,
        choices=(1, 2, 3),
        default=1,
        help='number of trainings from each start',
    )
    parser.add_argument(
        '--work-dir', type=Path, help='folder for results; by default work_dirs/transfer_demo'
    )
    return parser.parse_args(argv)


def own_data(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`run_own_data_demo`."""
    parser = command_parser('quickstart.own_data')
    parser.add_argument(
        '--work-dir', type=Path, help='folder for results; by default work_dirs/own_data_demo'
    )
    return parser.parse_args(argv)
