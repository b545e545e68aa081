"""Command lines of the measurements."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..arguments import at_least, positive
from ..benchmark.on_gpu.cards import CARD, MFU, PEAKS
from .base import command_parser
from .options import Options
from .shared import add_options_argument

_BATCH = 'images of a batch, which is a step unless gradients are accumulated'


def step(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`time_steps`."""
    parser = command_parser('benchmark.step')
    parser.add_argument('config', help='pre-training config')
    parser.add_argument('--batch-size', type=at_least(1), default=64, help=_BATCH)
    parser.add_argument('--steps', type=at_least(1), default=10, help='measured steps')
    parser.add_argument('--device', help='by default the GPU, if there is one')
    add_options_argument(parser, default={})
    parser.add_argument(
        '--against', nargs='+', action=Options, help='options of the variant to compare with'
    )
    _add_released(parser)
    return parser.parse_args(argv)


def flops(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('benchmark.flops')
    parser.add_argument('config', help='pre-training config with model.num_chunks')
    parser.add_argument(
        '--chunks',
        nargs='+',
        type=at_least(1),
        default=list(range(1, 11)),
        metavar='N',
        help='numbers of chunks',
    )
    parser.add_argument('--picture', type=Path, help='PNG file to draw the table to')
    return parser.parse_args(argv)


def data_path(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of :func:`measure`."""
    parser = command_parser('benchmark.data_path')
    parser.add_argument('--images', type=at_least(1), default=64, help='number of JPEG files')
    parser.add_argument(
        '--rounds', type=at_least(1), default=9, help='how often each pipeline reads them'
    )
    parser.add_argument(
        '--batch-size', type=at_least(1), default=64, help="images of the preprocessor's batch"
    )
    parser.add_argument(
        '--device', help='device of the preprocessor; by default the GPU, if there is one'
    )
    parser.add_argument(
        '--size',
        type=at_least(32),
        nargs=2,
        default=(500, 375),
        metavar=('WIDTH', 'HEIGHT'),
        help='of the JPEG files',
    )
    return parser.parse_args(argv)


def data(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``measure``."""
    parser = command_parser('benchmark.data')
    parser.add_argument('config', help='config of a training')
    parser.add_argument('--images', type=at_least(1), default=256, help='images that are loaded')
    parser.add_argument(
        '--batch-size', type=at_least(1), help="of the measured step; by default the config's"
    )
    parser.add_argument('--steps', type=at_least(1), default=3, help='measured steps')
    parser.add_argument(
        '--step-rate',
        type=positive,
        metavar='N',
        help='images per second of the step on a process, measured elsewhere',
    )
    parser.add_argument('--device', help='of the step; by default the GPU, if there is one')
    add_options_argument(parser, default={})
    return parser.parse_args(argv)


def count(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into the arguments of ``count_step``."""
    parser = command_parser('benchmark.count')
    parser.add_argument('config', help='pre-training config')
    parser.add_argument('--batch-size', type=at_least(1), default=64, help=_BATCH)
    add_options_argument(parser, default={})
    _add_released(parser)
    return parser.parse_args(argv)


def scale(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line into ``configs`` and the attributes of a ``Setup``."""
    parser = command_parser('benchmark.scale')
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='pre-training configs')
    for name, default, text in (
        ('processes', 32, 'GPUs'),
        ('batch-size', 64, 'images of a GPU'),
        ('images', 1_281_167, 'images of the data set'),
    ):
        kind = at_least(2 if name == 'processes' else 1)
        parser.add_argument(f'--{name}', type=kind, default=default, metavar='N', help=text)
    for name, number, text in (
        ('tflops', PEAKS[CARD], f'TFLOP/s of a GPU in bfloat16; that of an {CARD}'),
        ('mfu', MFU, 'share of these that a step reaches'),
        ('loader', 378.8, 'images/s that a core loads, as mcl bench data measures them'),
        ('network', 50.0, 'GB/s that a GPU sends'),
        ('storage', 1.0, 'GB/s at which a checkpoint is written'),
        ('failures', 50_700.0, 'GPU hours between two failures'),
        ('files', 10_000.0, 'files/s that are listed'),
    ):
        parser.add_argument(f'--{name}', type=positive, default=number, metavar='X', help=text)
    parser.add_argument('--epochs', type=at_least(1), metavar='N', help="by default the config's")
    return parser.parse_args(argv)


def cost(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('benchmark.cost')
    parser.add_argument(
        'configs',
        nargs='*',
        metavar='CONFIG',
        help='pre-training configs; by default the main ones of all methods',
    )
    parser.add_argument('--page', type=Path, help='page whose table of costs is written')
    parser.add_argument('--heads', action='store_true', help='write the heads of the configs')
    return parser.parse_args(argv)


def gpu(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = command_parser('benchmark.gpu')
    parser.add_argument(
        '--json', type=Path, default=Path('gpu.json'), help='record that is written or continued'
    )
    parser.add_argument(
        '--tests', type=Path, default=Path('tests'), help='folder of the tests of a checkout'
    )
    parser.add_argument(
        '--minutes', type=positive, default=9.0, help='time that the run may take; by default 9'
    )
    parser.add_argument(
        '--batch-size', type=at_least(2), help='images of a timed step; by default 128'
    )
    parser.add_argument('--tiny', action='store_true', help='small models, also on a CPU')
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='WORD',
        help='measurements with one of these in their name; by default all',
    )
    parser.add_argument(
        '--page', type=Path, help='measure nothing: write the table of the record into this page'
    )
    return parser.parse_args(argv)


def _add_released(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--against-released',
        type=Path,
        metavar='CHECKOUT',
        help="folder of the method's released code to compare with (ConMIM, CMAE, ccMIM)",
    )
