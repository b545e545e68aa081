"""Pre-train or fine-tune: mcl train CONFIG, with the arguments of OpenMMLab."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ..checkpoint.latest import find_checkpoint, run_files
from ..engine.hooks import OverwriteHook
from ..engine.identity import starting_files
from .arguments import parser_for
from .common import add_common_arguments, build_runner, load_config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what is parsed are the arguments of :func:`train`."""
    parser = parser_for(__doc__)
    parser.add_argument('config', help='config file, or name of one of the package')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or without a value from the newest in the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='train in float16 with loss scaling')
    parser.add_argument(
        '--no-validate', action='store_false', dest='validate', help='do not evaluate on the way'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the rate to the batch also where the config's auto_scale_lr is not enabled",
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_false',
        dest='persistent_workers',
        help='start new workers each epoch',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='start anew in a work dir that has a run, whose checkpoints are deleted',
    )
    add_common_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    train(**vars(parse_args(argv)))


def train(config: str | Path, **settings: Any) -> Runner:
    """Pre-train or fine-tune with a config.

    >>> from mcl_plugins.cli.train import train
    >>> runner = train('conmim/vit-b.py', work_dir='work_dirs/mine')  # doctest: +SKIP

    Args:
        config: a path, or a name among the package's own configs.
        **settings: those of :func:`configure`: ``work_dir``, ``resume``, ``cfg_options``, ...

    Returns:
        The Runner at the end of the training; ``runner.model`` is the network.

    Raises:
        FileNotFoundError: the config, or a file that it names, does not exist.
        ValueError: a setting does not fit, or the work dir has a run.
    """
    runner = build_runner(configure(config, **settings))
    if settings.get('overwrite'):
        runner.register_hook(OverwriteHook())
    runner.train()
    return runner


def configure(
    config: str | Path,
    resume: str | None = None,
    amp: bool = False,
    validate: bool = True,
    auto_scale_lr: bool = False,
    persistent_workers: bool = True,
    overwrite: bool = False,
    **loading: Any,
) -> Config:
    """The config of a training with everything that was asked for.

    Args:
        config: a path, or a name among the package's own configs.
        resume: checkpoint to go on from; ``'auto'`` for the newest in the work dir, if any.
        amp: train in float16 with loss scaling, on a GPU.
        validate: evaluate on the way.
        auto_scale_lr: scale the learning rate to the batch also where the config's
            ``auto_scale_lr`` is not enabled.
        persistent_workers: keep the workers of the training's data loader over the epochs.
        overwrite: start anew also in a work dir that has a run; :func:`train` then deletes its
            checkpoints as soon as the new run begins.
        **loading: ``work_dir``, ``cfg_options``, ``launcher`` and ``pin_memory`` of
            :func:`~mcl_plugins.cli.common.load_config`.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: a setting does not fit, or the work dir has a run.
    """
    settings = load_config(config, **loading)
    if not validate:
        settings.val_cfg = settings.val_dataloader = settings.val_evaluator = None
    if amp:
        if not torch.cuda.is_available():
            raise ValueError('--amp trains in float16 on a GPU, and there is none; leave it out.')
        settings.optim_wrapper.type = 'AmpOptimWrapper'
        settings.optim_wrapper.setdefault('loss_scale', 'dynamic')
    # resume=True among the settings, without a file, is what --resume without a value is.
    implied = 'auto' if settings.get('resume') and not settings.get('load_from') else None
    if start := resume or implied:
        set_resume(settings, start)
    if overwrite and start:
        raise ValueError('--overwrite starts anew and --resume goes on: leave one of them out.')
    if not overwrite and not settings.get('resume'):
        check_empty(settings.work_dir)
    if settings.get('load_from'):
        leave_encoder(settings)  # all weights come from that file
    if auto_scale_lr:
        if 'auto_scale_lr' not in settings:
            raise ValueError(f'{config} does not state auto_scale_lr.base_batch_size.')
        settings.auto_scale_lr.enable = True
    if not persistent_workers:
        settings.train_dataloader.persistent_workers = False
    return settings


def set_resume(config: Config, checkpoint: str) -> None:
    """Go on from ``checkpoint``, or with 'auto' from the newest in the work dir.

    With nothing there yet, 'auto' starts as if it had not been said, so that a job which is queued
    again after each stop can always say it.
    """
    found = find_checkpoint(config.work_dir) if checkpoint == 'auto' else checkpoint
    if found:
        config.start_files = starting_files(config)
        config.resume_found = checkpoint == 'auto'
        config.resume, config.load_from = True, found
    elif not config.get('load_from'):
        config.resume = False


def check_empty(work_dir: str) -> None:
    """Raise a ValueError if a work dir has a run, which a new one would mix with its own.

    A folder that has logs only, of a run that ended before its first checkpoint, is taken as empty.
    """
    files = run_files(work_dir)
    if files:
        raise ValueError(
            f'{work_dir} has a run already ({", ".join(file.name for file in files[:3])}'
            f'{", ..." * (len(files) > 3)}). Go on with it by --resume, choose another --work-dir, '
            'or start anew and delete its checkpoints by --overwrite.'
        )


def leave_encoder(config: Config) -> None:
    """Do not start the encoder from a file of its own, which may be gone and is not needed.

    On resuming ``start_files`` remembers its name, which is compared with the checkpoint's.
    """
    if 'backbone' in config.model:
        config.model.backbone.pop('init_cfg', None)
