"""Command line of the checks before a training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least, positive
from .base import command_parser
from .shared import add_training_arguments


def run(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`check`, and ``processes``."""
    parser = command_parser('preflight.run')
    parser.add_argument('config', help="config file, or name of one of the package's configs")
    parser.add_argument(
        'processes', nargs='?', type=at_least(1), default=1, help='processes of this machine'
    )
    parser.add_argument(
        '--timeout',
        type=positive,
        default=60.0,
        help='seconds that processes wait for each other (default: %(default)s)',
    )
    parser.add_argument(
        '--steps',
        type=at_least(1),
        default=6,
        help='iterations at most, fewer if they are long (default: %(default)s)',
    )
    parser.add_argument('--out', type=Path, help='file for what the steps cost, as JSON')
    add_training_arguments(parser)
    return parser.parse_args(argv)
