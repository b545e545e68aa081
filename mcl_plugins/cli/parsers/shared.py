"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from .base import command_parser
from .options import Options


def add_common_arguments(
    parser: argparse.ArgumentParser, work_dir: str = "the config's, or work_dirs/<config>"
) -> None:
    """Add OpenMMLab's arguments that training and testing share.

    The parsed arguments have the names of the arguments of :func:`load_config`.

    Args:
        parser: of the command.
        work_dir: which folder it is without ``--work-dir``, in words.
    """
    parser.add_argument(
        '--work-dir', help=f'folder for logs and checkpoints; by default {work_dir}'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
        help='options of the config to override, as key=value: a.b=1 c="[1,2]" d="[(1,2),(3,4)]"',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument(
        '--no-pin-memory',
        action='store_false',
        dest='pin_memory',
        help='do not pin the memory of the data loaders',
    )
    parser.add_argument('--local_rank', '--local-rank', action=LocalRank, help=argparse.SUPPRESS)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a training but ``--resume``, which say what is trained, and how."""
    parser.add_argument(
        '--init-from',
        metavar='FILE',
        help="weights that the encoder starts from: this package's, MAE's, timm's, a URL, ...",
    )
    parser.add_argument(
        '--probe-data',
        metavar='FOLDER',
        help='labelled images, FOLDER/train/CLASS and FOLDER/val/CLASS, which a pre-training '
        'classifies by k-NN twenty times',
    )
    parser.add_argument(
        '--log',
        nargs='+',
        choices=['tensorboard', 'wandb', 'mlflow', 'aim', 'clearml'],
        metavar='TRACKER',
        help='also log to tensorboard, wandb, mlflow, aim or clearml',
    )
    parser.add_argument(
        '--offline', action='store_true', help='keep what --log records on this machine'
    )
    parser.add_argument('--amp', action='store_true', help='train in float16 with loss scaling')
    parser.add_argument(
        '--no-validate',
        action='store_false',
        dest='validate',
        help='do not evaluate during training',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size even if the config does not',
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_false',
        dest='persistent_workers',
        help='start new data loader workers in each epoch',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='start anew in a work dir that has a run, whose checkpoints are deleted',
    )
    add_common_arguments(parser)


class LocalRank(argparse.Action):
    """Argument with the local rank from older launchers; sets the variable that MMEngine reads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, 'default': argparse.SUPPRESS, 'type': int})

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        """Set ``LOCAL_RANK`` unless the launcher has set it."""
        os.environ.setdefault('LOCAL_RANK', str(values))


def frozen_parser(module: str, may_know: bool = False) -> argparse.ArgumentParser:
    """Create a parser with the arguments that all evaluations of frozen features share.

    Args:
        module: of the command.
        may_know: the config may be left out, for a checkpoint that names its own.
    """
    parser = command_parser(module)
    parser.add_argument(
        'config',
        nargs='?' if may_know else None,
        help='config of a classifier, from configs/<method>/transfer/'
        + ('; by default what the checkpoint names, as those in zoo/ do' if may_know else ''),
    )
    parser.add_argument(
        'checkpoint', help='pre-training checkpoint; the config names the prefix of its encoder'
    )
    parser.add_argument(
        '--out', type=Path, help='file for the result; by default beside CHECKPOINT'
    )
    add_common_arguments(parser, 'work_dirs/evaluate/<config>')
    return parser


def add_image_arguments(parser: argparse.ArgumentParser, count: int | None) -> None:
    """Add ``--images`` and ``--count``, by default ``count`` or all."""
    parser.add_argument(
        '--images',
        nargs='+',
        type=Path,
        required=True,
        help='image files, or folders to choose images from',
    )
    text = 'number of images' if count else 'number of images; by default all'
    parser.add_argument('--count', type=int, default=count, help=text)


def add_options_argument(
    parser: argparse.ArgumentParser, default: dict[str, Any] | None = None
) -> None:
    """Add ``--cfg-options``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
        default=default,
        help='options of the config to override, as key=value',
    )


def add_pretraining_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config of a pre-training, its options, and the file for the picture."""
    parser.add_argument('config', help='pre-training config, from configs/<method>/')
    add_options_argument(parser)
    parser.add_argument(
        '--out', type=Path, help='file for the picture; by default beside the checkpoint'
    )


def add_import_argument(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--import MODULE ...``, for parts from outside of the package; ``text`` is its help."""
    parser.add_argument(
        '--import', dest='modules', nargs='+', default=[], metavar='MODULE', help=text
    )
