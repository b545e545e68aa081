"""What ``train.py`` and ``test.py`` have in common: arguments and how they change a config."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import distributed as dist

from ..checkpoint.sources import use_safe_checkpoints
from ..utils.compat import import_quietly
from .messages import describe, is_first_to_say
from .options import Options, merge_options

# Before the parts of this package that derive from mmpretrain's import it with its notices.
import_quietly('mmpretrain.models', 'mmpretrain.datasets')

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add OpenMMLab's arguments that training and testing share."""
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
        help='settings to override, as key=value: a.b=1 c="[1,2]" d="[(1,2),(3,4)]" (no blanks)',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='do not pin the memory of the data loaders'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config file and apply the common arguments to it."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    config = read_config(args.config)
    config.launcher = args.launcher
    config.setdefault('runner_type', 'mcl_plugins.Runner')
    default_work_dir = config.get('work_dir') or f'./work_dirs/{name_of(args.config)}'
    config.work_dir = args.work_dir or default_work_dir
    merge_options(config, args.cfg_options)
    for name in LOADERS:
        if config.get(name):
            _complete_loader(config[name], config.get('default_scope'), args.no_pin_memory)
    return config


def read_config(path: str) -> Config:
    """Read a config file whose library, mmseg or mmdet, may not be installed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the library is not here, or lacks what the config needs; names the command that
            installs it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'Config {path!r} does not exist; see configs/.')
    remedy = 'run: bash tools/setup_env.sh --with-ops'
    try:
        config = Config.fromfile(path)
    except ModuleNotFoundError as error:  # a base file of the library
        raise ValueError(f'{path} needs a library that is not here ({error}); {remedy}') from error
    library = config.get('default_scope')
    if library not in ('mmseg', 'mmdet'):
        return config
    try:
        # Detection computes with mmcv's compiled ops; mmdet does not even import without them.
        ops = ['mmcv._ext'] if library == 'mmdet' else []
        import_quietly(*ops, f'{library}.models', f'{library}.datasets')
    except ImportError as error:
        missing = "mmcv's compiled ops" if 'mmcv._ext' in str(error) else library
        raise ValueError(f'{path} needs {missing} ({error}); {remedy}') from error
    ignore_mmseg_notices()
    return config


def name_of(path: str) -> str:
    """``conmim/vit-b`` of ``configs/conmim/vit-b.py``: methods share the names of their files."""
    parts = Path(path).with_suffix('').parts
    return '/'.join(parts[parts.index('configs') + 1 :] if 'configs' in parts else parts[-1:])


def _complete_loader(loader: dict, scope: str | None, no_pin_memory: bool) -> None:
    """The defaults of OpenMMLab's own scripts, as far as the machine has a use for them."""
    loader.setdefault('pin_memory', True)
    loader.setdefault('persistent_workers', True)
    if scope == 'mmpretrain':
        loader.setdefault('collate_fn', dict(type='default_collate'))
    if no_pin_memory or not torch.cuda.is_available():
        loader['pin_memory'] = False
    if not loader.get('num_workers'):
        loader['persistent_workers'] = False


def build_runner(config: Config) -> Runner:
    """Build the runner that the config names."""
    return RUNNERS.build(config)


def ignore_mmseg_notices() -> None:
    """Silence, for the rest of the process, what mmseg warns of whenever a segmentor is built.

    That the loss averages over all pixels as it always did, that pictures are off by default, and
    that its own base configs still say ``reduce_zero_label``.
    """
    for message in ('Default ``avg_non_ignore``', 'The draw is False', '`reduce_zero_label` will'):
        warnings.filterwarnings('ignore', message=message)


def run(main: Callable[[], None]) -> None:
    """Run a command; an error in what the user gave ends it with its message alone.

    Whatever library reads a checkpoint in a command reads it without executing anything in it.
    """
    use_safe_checkpoints()
    try:
        main()
    except Exception as error:
        message = describe(error)
        if message is None or os.environ.get('MCL_TRACEBACK'):
            raise
        logger = MMLogger.get_current_instance()
        if any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
            logger.info(traceback.format_exc())  # too long for the console: only into the file
        say(f'\nerror: {message}\n(MCL_TRACEBACK=1 shows where it arose.)')
        sys.exit(1)
    if dist.is_initialized():
        dist.destroy_process_group()  # gloo's threads may abort a process that ends with them


def say(message: str) -> None:
    """Print a message to standard error, on one of the processes that meet the same error."""
    # torchrun stops the other processes as soon as one has ended: not between the two lines.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if is_first_to_say(message):
        print(message, file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, before)
