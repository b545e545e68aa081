"""Parts that the commands share: loading a config, building a Runner, and reporting errors."""

from __future__ import annotations

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
from ..utils.launcher import end_with_launcher
from ..utils.literals import read_assignments
from ..utils.places import find_config
from ..utils.signals import LOST, Stopped
from .messages import describe, is_first_to_say, is_lost_connection
from .options import merge_options

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(
    config: str | Path,
    work_dir: str | Path | None = None,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
    pin_memory: bool = True,
) -> Config:
    """Read a config file and complete it for a Runner.

    Args:
        config: a path, or a name among the package's own configs; see
            :func:`~mcl_plugins.utils.places.find_config`.
        work_dir: folder for logs and checkpoints; by default the config's, or ``work_dirs/<name>``
            if the config has none.
        cfg_options: options to override, by dotted name.
        launcher: how several processes are started: ``'none'``, ``'pytorch'``, ``'slurm'`` or
            ``'mpi'``.
        pin_memory: whether data loaders pin their memory if there is a GPU.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the library that the config needs is not installed, or an option would be
        ignored.
    """
    cfg = read_config(config)
    cfg.launcher = launcher
    cfg.setdefault('runner_type', 'mcl_plugins.Runner')
    default_work_dir = cfg.get('work_dir') or f'./work_dirs/{get_config_name(cfg.filename)}'
    cfg.work_dir = str(work_dir or default_work_dir)
    merge_options(cfg, cfg_options)
    own_schedule = any(key.partition('.')[0] == 'param_scheduler' for key in cfg_options or {})
    if cfg.get('auto_scale_schedule') and not own_schedule:
        scale_schedule(cfg)
    if cfg.get('strategy') and not reads_strategy(cfg.runner_type):
        raise ValueError(
            f'strategy={cfg.strategy}: {cfg.runner_type} does not read it. Set '
            'runner_type=FlexibleRunner, or leave strategy out.'
        )
    for name in LOADERS:
        if cfg.get(name):
            _complete_loader(cfg[name], cfg.get('default_scope'), pin_memory)
    return cfg


def read_config(config: str | Path) -> Config:
    """Read a config file, which may need mmseg or mmdet, and import the library that it needs.

    Args:
        config: a path, or a name among the package's own configs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a YAML or JSON file, see :func:`check_is_code`; or the library or mmcv's
            compiled ops are not installed, and the message names the command that installs them.
    """
    path = find_config(config)
    check_is_code(path)
    how_to_install = 'run: bash tools/setup_env.sh --with-ops'
    try:
        cfg = Config.fromfile(path)
    except ModuleNotFoundError as error:  # a base file of the library
        raise ValueError(
            f'{path} needs a library that is not installed ({error}); {how_to_install}'
        ) from error
    library = cfg.get('default_scope')
    if library not in ('mmseg', 'mmdet'):
        return cfg
    try:
        # Detection needs mmcv's compiled ops; mmdet cannot even be imported without them.
        ops = ['mmcv._ext'] if library == 'mmdet' else []
        import_quietly(*ops, f'{library}.models', f'{library}.datasets')
    except ImportError as error:
        missing = "mmcv's compiled ops" if 'mmcv._ext' in str(error) else library
        raise ValueError(f'{path} needs {missing} ({error}); {how_to_install}') from error
    ignore_mmseg_notices()
    return cfg


def check_is_code(path: Path, seen: frozenset[Path] = frozenset()) -> None:
    """Raise a ValueError if a config, or a file that it inherits from, is not a ``.py`` file.

    A config is code: it may call anything, and each ``type`` in it names a class or function that
    is called. A ``.py`` file shows that it is code. YAML and JSON files are taken for data, which
    they are not: ``{"type": "os.system", "command": ...}`` is run in them, too.
    """
    if path.suffix != '.py':
        raise ValueError(
            f'{path}: configs are Python files, because a config is code: whatever a "type" in it '
            'names is called. A YAML or JSON file looks like data and runs all the same, so it is '
            'not read. Write its sections into a .py file that you have read: name = dict(...).'
        )
    for base in _bases(path):
        if base.suffix != '.py' or (base.is_file() and base not in seen):
            check_is_code(base, seen | {path})


def _bases(path: Path) -> list[Path]:
    """Return the files that ``_base_`` names; a library's (``mmdet::...``) are left out."""
    named = read_assignments(path.read_text(encoding='utf-8')).get('_base_', [])
    names = [named] if isinstance(named, str) else named
    own = [name for name in names if isinstance(name, str) and '::' not in name]
    return [path.parent / name for name in own]


def get_config_name(path: str | Path) -> str:
    """Return the name of a config with its folder, because methods share file names.

    >>> get_config_name('configs/conmim/vit-b.py')
    'conmim/vit-b'
    """
    parts = Path(path).with_suffix('').parts
    return '/'.join(parts[parts.index('configs') + 1 :] if 'configs' in parts else parts[-1:])


def _complete_loader(loader: dict, scope: str | None, pin_memory: bool) -> None:
    """Set the defaults of OpenMMLab's own scripts for a data loader if the machine can use them."""
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
    """Build the Runner that the config names."""
    return RUNNERS.build(config)


def ignore_mmseg_notices() -> None:
    """Silence three warnings of mmseg, which appear for every segmentor, in this process.

    They say that the loss averages over all pixels, as it always did; that no pictures are drawn by
    default; and that mmseg's own base configs still use ``reduce_zero_label``.
    """
    for message in ('Default ``avg_non_ignore``', 'The draw is False', '`reduce_zero_label` will'):
        warnings.filterwarnings('ignore', message=message)


def run(main: Callable[[], object]) -> None:
    """Run a command; for an error in the user's input, print only its message.

    While the command runs, every library reads checkpoints without executing code in them. A
    process that torchrun started ends when torchrun has died.

    Raises:
        SystemExit: with status 1 after an error, 75 after a signal that stopped a training with a
            checkpoint, 76 if only another process has failed, and 130 after Ctrl-C.
    """
    use_safe_checkpoints()
    if dist.is_torchelastic_launched():
        end_with_launcher()
    try:
        main()
    except Stopped:
        # All processes are here. The launcher signals the others when the first one has ended.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_process_group()
        raise
    except KeyboardInterrupt:
        if os.environ.get('MCL_TRACEBACK'):
            raise
        say('\nInterrupted.')
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        report(error)
        sys.exit(1)
    end_process_group()


def end_process_group() -> None:
    """End the communication of the processes: gloo's running threads may abort at the exit."""
    if dist.is_initialized():
        dist.destroy_process_group()


def report(error: Exception) -> None:
    """Say what went wrong, and in which of several processes; only raise what is a fault here.

    Of several processes the first to fail says why. The others lose the connection to it; each of
    them ends at once, and only one says so.
    """
    if dist.is_initialized() and is_lost_connection(error):
        say('\nerror: the connection to another process is lost; that process says why.')
        os._exit(LOST)  # libraries may wait for the lost process on exit
    message = describe(error)
    rank = f'process {dist.get_rank()} of {dist.get_world_size()}' if dist.is_initialized() else ''
    if message is None or os.environ.get('MCL_TRACEBACK'):
        if rank:
            print(f'\n{rank} has failed:', file=sys.stderr)
        raise error
    logger = MMLogger.get_current_instance()
    if any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
        logger.info(traceback.format_exc())  # too long for the console
    hint = 'et MCL_TRACEBACK=1 to see the traceback.)'
    say(f'\nerror: {message}', f'({rank.capitalize()}. S{hint}' if rank else f'(S{hint}')


def say(message: str, remark: str | None = None) -> None:
    """Print a message to standard error, on only one of the processes that have the same error.

    Args:
        message: the same on all of them.
        remark: another line, which may differ.
    """
    # torchrun stops the other processes as soon as one has ended. Do not let it stop this process
    # between registering the message and printing it.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if is_first_to_say(message):
        print('\n'.join(filter(None, (message, remark))), file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, before)
