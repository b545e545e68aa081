"""Command line of the export to other libraries."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least
from .base import command_parser
from .options import read_value

TARGETS = (
    'timm',
    'huggingface',
    'torchvision',
    'mmpretrain',
    'mmseg',
    'mmdet',
    'safetensors',
    'onnx',
    'torchscript',
)


def run(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``export``."""
    parser = command_parser('export.run')
    parser.add_argument('checkpoint', help='a checkpoint, ours or another, or a URL')
    parser.add_argument('--to', choices=TARGETS, required=True, help='library or format')
    parser.add_argument('--out', type=Path, help='folder; by default <checkpoint>_<to>')
    parser.add_argument(
        '--which',
        choices=['student', 'ema'],
        help='encoder of a checkpoint that has both; by default the one that is evaluated',
    )
    parser.add_argument(
        '--arch',
        type=read_value,
        help='name or settings, for files that do not show it: base, "dict(num_heads=12)"',
    )
    parser.add_argument(
        '--img-size',
        type=at_least(1),
        help="side in pixels, to which positions are resized; by default the file's",
    )
    parser.add_argument(
        '--in-chans', type=at_least(1), help="number of bands; by default the file's"
    )
    return parser.parse_args(argv)


def arrows(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('export.arrows')
    parser.add_argument('results', type=Path, help='the file that MCL_ARROWS named')
    parser.add_argument('--page', type=Path, help='page whose table is exchanged')
    return parser.parse_args(argv)
