"""Command lines of training, testing, and the commands that describe the package."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least
from .base import command_parser
from .shared import (
    add_common_arguments,
    add_image_arguments,
    add_import_argument,
    add_options_argument,
    add_training_arguments,
)


def train(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`train`."""
    parser = command_parser('train')
    parser.add_argument('config', help="config file, or name of one of the package's configs")
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='continue from this checkpoint; without a value, from the newest in the work dir',
    )
    add_training_arguments(parser)
    return parser.parse_args(argv)


def test(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`test`."""
    parser = command_parser('test')
    parser.add_argument('config', help="config file, or name of one of the package's configs")
    parser.add_argument('checkpoint', help='checkpoint of the complete model')
    parser.add_argument('--out', type=Path, help='file for the predictions (.pkl) or metrics')
    parser.add_argument(
        '--out-item', choices=['metrics', 'pred'], default='pred', help='what --out receives'
    )
    parser.add_argument('--amp', action='store_true', help='evaluate in mixed precision')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='folder for pictures of predictions')
    parser.add_argument('--interval', type=at_least(1), default=1, help='show every N-th image')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds that a window stays open'
    )
    parser.add_argument(
        '--tta', action='store_true', help='average predictions over augmented copies of each image'
    )
    add_common_arguments(parser)
    return parser.parse_args(argv)


def predict(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`predict`."""
    parser = command_parser('predict')
    parser.add_argument('config', help="config file, or name of one of the package's configs")
    parser.add_argument('checkpoint', nargs='?', help='by default the best of the work dir')
    add_image_arguments(parser, None)
    parser.add_argument('--out', type=Path, help='folder; by default predictions in the work dir')
    parser.add_argument('--score', type=float, default=0.3, help='smallest score of an object')
    add_options_argument(parser)
    return parser.parse_args(argv)


def methods(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, which has no arguments."""
    return command_parser('methods').parse_args(argv)


def doctor(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, which has no arguments."""
    return command_parser('doctor').parse_args(argv)


def fidelity(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('fidelity')
    parser.add_argument('files', nargs='+', type=Path, help='golden files')
    parser.add_argument('--json', type=Path, help='file to which the results are also written')
    parser.add_argument('--page', type=Path, help='Markdown file for a card of each method')
    parser.add_argument('--device', default='cpu', help='device to compute on')
    add_import_argument(parser, 'modules that define comparisons of further methods')
    return parser.parse_args(argv)


def replay(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('replay')
    parser.add_argument('folder', type=Path, help='the black box')
    parser.add_argument(
        '--rank', type=at_least(0), help='whose batch; by default where it arose first'
    )
    parser.add_argument('--device', default='cpu', help='device to compute on')
    add_import_argument(parser, 'modules that define parts of the model')
    return parser.parse_args(argv)


def soak(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('soak')
    parser.add_argument('--steps', type=at_least(400), default=2000, help='steps of the training')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/soak'), help='folder of the training'
    )
    return parser.parse_args(argv)


def compare(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``out`` and the arguments of :func:`read_entries`."""
    parser = command_parser('compare')
    parser.add_argument('work_dirs', nargs='+', type=Path, help='work dirs of the runs')
    parser.add_argument(
        '--reference',
        help='row of the pocket benchmark, as conmim-pocket, that they are compared with',
    )
    parser.add_argument('--out', type=Path, help='file for the picture; by default none is drawn')
    return parser.parse_args(argv)
