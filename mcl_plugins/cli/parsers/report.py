"""Command line of the page of a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .base import command_parser


def run(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`write_report`."""
    parser = command_parser('report.run')
    parser.add_argument('work_dirs', nargs='+', type=Path, help='work dirs of the runs')
    parser.add_argument('--out', type=Path, help='the file; by default report.html in the first')
    parser.add_argument('--names', nargs='+', help='names of the runs; by default their folders')
    parser.add_argument(
        '--images',
        nargs='+',
        type=Path,
        default=[],
        help='image files or folders for the pictures; by default those of the training',
    )
    parser.add_argument(
        '--no-pictures',
        action='store_false',
        dest='pictures',
        help='draw no images: masks, reconstructions, attention, neighbours',
    )
    return parser.parse_args(argv)
