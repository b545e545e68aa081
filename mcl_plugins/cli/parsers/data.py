"""Command lines of the scripts that make data."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least
from .base import command_parser


def make_digits(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``make``."""
    parser = command_parser('data.make_digits')
    _add_root(parser, 'data/quickstart')
    return parser.parse_args(argv)


def make_hard_digits(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``make``."""
    parser = command_parser('data.make_hard_digits')
    _add_root(parser, 'data/pocket/digits')
    parser.add_argument('--flat', action='store_true', help='draw without textures')
    parser.add_argument(
        '--same-grays',
        action='store_true',
        help='give all images the same two',
    )
    return parser.parse_args(argv)


def make_digit_retrieval(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``make``."""
    parser = command_parser('data.make_digit_retrieval')
    _add_root(parser, 'data/quickstart')
    return parser.parse_args(argv)


def make_scenes(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``make``."""
    parser = command_parser('data.make_scenes')
    _add_root(parser, 'data/scenes')
    parser.add_argument('--train', type=int, default=240, help='scenes for training')
    parser.add_argument('--val', type=int, default=80, help='scenes for validation')
    parser.add_argument('--unlabeled', type=int, default=1200, help='scenes for pre-training')
    parser.add_argument('--seed', type=int, default=0, help='of the scenes')
    return parser.parse_args(argv)


def solar_cells(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``make``."""
    parser = command_parser('data.solar_cells')
    _add_root(parser, 'data/solar-cells')
    parser.add_argument(
        '--wheel', type=Path, help='the distribution, where it was downloaded before'
    )
    return parser.parse_args(argv)


def pack(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``pack_folder``."""
    parser = command_parser('data.pack')
    parser.add_argument('folder', type=Path, help='folder of images, searched through all levels')
    parser.add_argument(
        'out', type=Path, help='first part of the names of the shards, such as shards/train'
    )
    parser.add_argument(
        '--images', type=at_least(1), default=10000, metavar='N', help='images in a shard'
    )
    parser.add_argument(
        '--short-side',
        type=at_least(1),
        metavar='PIXELS',
        help='resize larger images so that their shorter side has this length',
    )
    parser.add_argument(
        '--quality', type=int, default=95, choices=range(50, 101), metavar='50..100',
        help='of the JPEGs that are written for resized images',
    )  # fmt: skip
    parser.add_argument('--seed', type=int, default=0, help='of the order of the images')
    return parser.parse_args(argv)


def _add_root(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        'root', type=Path, nargs='?', default=Path(default), help='folder that is written'
    )
