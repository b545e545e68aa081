"""Command lines of the pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least, positive
from .base import command_parser
from .shared import add_image_arguments, add_pretraining_arguments, frozen_parser


def curves(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`draw_curves`."""
    parser = command_parser('visualize.curves')
    parser.add_argument('work_dirs', nargs='+', type=Path, help='work dirs of the runs')
    parser.add_argument('--names', nargs='+', help='names of the runs; by default their folders')
    parser.add_argument('--out', type=Path, required=True, help='file for the picture')
    return parser.parse_args(argv)


def masks(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`compute_masks`."""
    parser = command_parser('visualize.masks')
    add_pretraining_arguments(parser)
    parser.add_argument(
        'checkpoints', nargs='+', metavar='CHECKPOINT', help='checkpoints of its pre-training'
    )
    add_image_arguments(parser, count=4)
    parser.add_argument('--seed', type=int, default=0, help='random seed of the masks')
    parser.add_argument(
        '--untrained', action='store_true', help='first draw the network as it is at iteration 0'
    )
    return parser.parse_args(argv)


def reconstruction(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`draw_reconstructions`."""
    parser = command_parser('visualize.reconstruction')
    add_pretraining_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint of its pre-training')
    add_image_arguments(parser, count=8)
    parser.add_argument('--seed', type=int, default=0, help='random seed of the masks')
    return parser.parse_args(argv)


def attention(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`draw_attention`."""
    parser = frozen_parser('visualize.attention')
    add_image_arguments(parser, count=6)
    parser.add_argument(
        '--size', type=at_least(1), help="side of the images in pixels; by default the config's"
    )
    parser.add_argument('--heads', action='store_true', help='also draw the map of each head')
    return parser.parse_args(argv)


def tsne(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`draw_tsne`."""
    parser = frozen_parser('visualize.tsne')
    parser.add_argument(
        'others', nargs='*', metavar='CHECKPOINT', help='further checkpoints of the same config'
    )
    parser.add_argument(
        '--classes', type=int, default=10, help='number of classes, drawn at random'
    )
    parser.add_argument(
        '--per-class', type=at_least(2), default=50, help='largest number of images per class'
    )
    parser.add_argument('--perplexity', type=positive, default=30.0, help='perplexity of t-SNE')
    parser.add_argument(
        '--seed', type=int, default=0, help='random seed of the classes and of t-SNE'
    )
    return parser.parse_args(argv)


def patterns(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`draw_patterns`."""
    parser = frozen_parser('visualize.patterns')
    parser.add_argument('--queries', type=at_least(0), default=4, help='number of random queries')
    parser.add_argument(
        '--at',
        nargs=3,
        type=int,
        action='append',
        metavar=('IMAGE', 'ROW', 'COLUMN'),
        help='image, row and column of a query, counted from 0',
    )
    parser.add_argument('--seed', type=int, default=0, help='random seed of the queries')
    return parser.parse_args(argv)
