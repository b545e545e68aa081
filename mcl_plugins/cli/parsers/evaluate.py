"""Command lines of the evaluations of frozen features."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least, positive
from .shared import frozen_parser


def knn(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`evaluate_knn`."""
    parser = frozen_parser('evaluate.knn', may_know=True)
    parser.add_argument(
        '--k',
        nargs='+',
        type=int,
        default=argparse.SUPPRESS,
        dest='ks',
        help='numbers of neighbours; by default 10, 20, 100 and 200',
    )
    parser.add_argument('--temperature', type=float, default=0.07, help='temperature of the votes')
    return parser.parse_args(argv)


def linear(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`evaluate_linear`."""
    parser = frozen_parser('evaluate.linear', may_know=True)
    parser.add_argument('--epochs', type=at_least(1), default=30, help='passes over the features')
    parser.add_argument(
        '--lr', type=positive, default=0.1, help='learning rate of SGD for a batch size of 1024'
    )
    parser.add_argument('--weight-decay', type=float, default=0.0, help='weight decay of SGD')
    return parser.parse_args(argv)


def retrieval(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`evaluate_retrieval`."""
    parser = frozen_parser('evaluate.retrieval', may_know=True)
    parser.add_argument('--data', type=Path, required=True, help='folder of the data set')
    parser.add_argument(
        '--protocol',
        choices=['ibot', 'dino'],
        default='ibot',
        help="whose sizes and scales; by default iBOT's",
    )
    parser.add_argument(
        '--size',
        type=at_least(1),
        default=argparse.SUPPRESS,
        help="longer side in pixels; by default the protocol's",
    )
    parser.add_argument(
        '--scales',
        nargs='+',
        type=positive,
        default=argparse.SUPPRESS,
        help="factors of the size, over which features are averaged; by default three, or DINO's",
    )
    parser.add_argument(
        '--queries',
        choices=['whole', 'cropped'],
        default='whole',
        help='use complete query images, or crop them to their boxes',
    )
    return parser.parse_args(argv)
