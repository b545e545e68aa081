"""Command lines of the commands for own data."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .base import command_parser


def init(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``write_configs``."""
    parser = command_parser('own.init')
    parser.add_argument('--images', type=Path, required=True, help='folder of images')
    parser.add_argument('--labels', type=Path, help='folder of labels, or a COCO file')
    parser.add_argument('--method', default='conmim', help='method; by default conmim')
    parser.add_argument(
        '--arch',
        choices=['vit-s', 'vit-b', 'swin-t'],
        help='network; by default chosen by the number of images',
    )
    parser.add_argument('--out', type=Path, default=Path('own'), help='folder; by default own')
    return parser.parse_args(argv)
