"""What commands have in common: the arguments of training, the config, and how errors end."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import distributed as dist

from ..checkpoint.sources import use_safe_checkpoints
from ..engine.warm_up import scale_schedule
from ..utils.compat import import_quietly
from ..utils.places import find_config
from .messages import describe, is_first_to_say
from .options import Options, merge_options

# Before the parts of this package that derive from mmpretrain's import it with its notices.
import_quietly('mmpretrain.models', 'mmpretrain.datasets')

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add OpenMMLab's arguments that training and testing share.

    What is parsed has the names of the arguments of :func:`load_config`.
    """
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Options,
        help='settings to override, as key=value: a.b=1 c="[1,2]" d="[(1,2),(3,4)]"',
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


class LocalRank(argparse.Action):
    """The rank that older launchers give as an argument: it goes where MMEngine looks for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, 'default': argparse.SUPPRESS, 'type': int})

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        """Set ``LOCAL_RANK``, unless the launcher has."""
        os.environ.setdefault('LOCAL_RANK', str(values))


def load_config(
    config: str | Path,
    work_dir: str | Path | None = None,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
    pin_memory: bool = True,
) -> Config:
    """Read a config file, and complete it for a Runner.

    Args:
        config: a path, or a name among the package's own configs; see
            :func:`~mcl_plugins.utils.places.find_config`.
        work_dir: where logs and checkpoints go; the config's, else ``work_dirs/<name>``, by
            default.
        cfg_options: settings to override, by dotted name.
        launcher: of several processes: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        pin_memory: whether data loaders pin their memory, where there is a GPU.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: its library is not installed, or nothing would read one of the settings.
    """
    settings = read_config(config)
    settings.launcher = launcher
    settings.setdefault('runner_type', 'mcl_plugins.Runner')
    default_work_dir = settings.get('work_dir') or f'./work_dirs/{name_of(settings.filename)}'
    settings.work_dir = str(work_dir or default_work_dir)
    merge_options(settings, cfg_options)
    own_schedule = any(key.partition('.')[0] == 'param_scheduler' for key in cfg_options or {})
    if settings.get('auto_scale_schedule') and not own_schedule:
        scale_schedule(settings)
    if settings.get('strategy') and not reads_strategy(settings.runner_type):
        raise ValueError(
            f'strategy={settings.strategy}: {settings.runner_type} does not read it. Set '
            'runner_type=FlexibleRunner, or leave strategy out.'
        )
    for name in LOADERS:
        if settings.get(name):
            _complete_loader(settings[name], settings.get('default_scope'), pin_memory)
    return settings


def read_config(config: str | Path) -> Config:
    """Read a config file whose library, mmseg or mmdet, may not be installed.

    Args:
        config: a path, or a name among the package's own configs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the library is not here, or lacks what the config needs; names the command that
            installs it.
    """
    path = find_config(config)
    remedy = 'run: bash tools/setup_env.sh --with-ops'
    try:
        settings = Config.fromfile(path)
    except ModuleNotFoundError as error:  # a base file of the library
        raise ValueError(f'{path} needs a library that is not here ({error}); {remedy}') from error
    library = settings.get('default_scope')
    if library not in ('mmseg', 'mmdet'):
        return settings
    try:
        # Detection computes with mmcv's compiled ops; mmdet does not even import without them.
        ops = ['mmcv._ext'] if library == 'mmdet' else []
        import_quietly(*ops, f'{library}.models', f'{library}.datasets')
    except ImportError as error:
        missing = "mmcv's compiled ops" if 'mmcv._ext' in str(error) else library
        raise ValueError(f'{path} needs {missing} ({error}); {remedy}') from error
    ignore_mmseg_notices()
    return settings


def name_of(path: str | Path) -> str:
    """``conmim/vit-b`` of ``configs/conmim/vit-b.py``: methods share the names of their files."""
    parts = Path(path).with_suffix('').parts
    return '/'.join(parts[parts.index('configs') + 1 :] if 'configs' in parts else parts[-1:])


def _complete_loader(loader: dict, scope: str | None, pin_memory: bool) -> None:
    """The defaults of OpenMMLab's own scripts, as far as the machine has a use for them."""
    loader.setdefault('pin_memory', True)
    loader.setdefault('persistent_workers', True)
    if scope == 'mmpretrain':
        loader.setdefault('collate_fn', dict(type='default_collate'))
    if not pin_memory or not torch.cuda.is_available():
        loader['pin_memory'] = False
    if not loader.get('num_workers'):
        loader['persistent_workers'] = False


def reads_strategy(runner_type: str) -> bool:
    """Whether a Runner takes a ``strategy`` (DeepSpeed, FSDP, ...), as MMEngine's flexible one."""
    kind = RUNNERS.get(runner_type)
    return kind is None or 'strategy' in inspect.signature(kind).parameters


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


def run(main: Callable[[], object]) -> None:
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
