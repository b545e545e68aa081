"""Pre-train or fine-tune: ``python tools/train.py CONFIG``; arguments as in OpenMMLab."""

from __future__ import annotations

import argparse

import torch
from mmengine.config import Config

from ..checkpoint.latest import find_checkpoint
from .common import add_common_arguments, build_runner, load_config


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or without a value from the newest in the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='train in float16 with loss scaling')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate on the way')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the rate to the batch also where the config's auto_scale_lr is not enabled",
    )
    parser.add_argument(
        '--no-persistent-workers', action='store_true', help='start new workers each epoch'
    )
    add_common_arguments(parser)
    return parser.parse_args()


def configure(args: argparse.Namespace) -> Config:
    """The config with the command line applied."""
    config = load_config(args)
    if args.no_validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    if args.amp:
        if not torch.cuda.is_available():
            raise ValueError('--amp trains in float16 on a GPU, and there is none; leave it out.')
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    # resume=True among the settings, without a file, is what --resume without a value is.
    implied = 'auto' if config.get('resume') and not config.get('load_from') else None
    if resume := args.resume or implied:
        set_resume(config, resume)
    if config.get('load_from'):
        leave_encoder(config)  # all weights come from that file
    if args.auto_scale_lr:
        if 'auto_scale_lr' not in config:
            raise ValueError(f'{args.config} does not state auto_scale_lr.base_batch_size.')
        config.auto_scale_lr.enable = True
    if args.no_persistent_workers:
        config.train_dataloader.persistent_workers = False
    return config


def set_resume(config: Config, checkpoint: str) -> None:
    """Go on from ``checkpoint``, or with 'auto' from the newest in the work dir.

    With nothing there yet, 'auto' starts as if it had not been said, so that a job which is queued
    again after each stop can always say it.
    """
    found = find_checkpoint(config.work_dir) if checkpoint == 'auto' else checkpoint
    if found:
        config.resume, config.load_from = True, found
    elif not config.get('load_from'):
        config.resume = False


def leave_encoder(config: Config) -> None:
    """Do not start the encoder from a file of its own, which may be gone and is not needed."""
    if 'backbone' in config.model:
        config.model.backbone.pop('init_cfg', None)


def main() -> None:
    """Train."""
    build_runner(configure(parse_args())).train()
