"""Command line of the pocket benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least
from .base import command_parser


def run(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`run_pocket`."""
    parser = command_parser('pocket.run')
    parser.add_argument(
        '--table',
        choices=['main', 'work', 'claims', 'choice', 'dense'],
        default='main',
        help='what to run',
    )
    parser.add_argument(
        '--data',
        nargs='+',
        choices=['digits', 'cells', 'scenes'],
        help='data sets; by default all of the table: dense is on scenes, the others on digits and '
        'cells',
    )
    parser.add_argument('--only', nargs='+', metavar='ROW', help='rows; by default all')
    parser.add_argument('--seeds', type=at_least(1), default=3, help='number of seeds')
    parser.add_argument(
        '--images',
        type=at_least(1),
        default=0,
        help='images that a pre-training sees; by default those of the page',
    )
    parser.add_argument('--work-dir', type=Path, help='folder; by default work_dirs/pocket')
    parser.add_argument('--report', action='store_true', help='write tables and pictures')
    return parser.parse_args(argv)
