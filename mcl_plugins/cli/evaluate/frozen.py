"""What the commands of this folder share: features of two data sets, and a report."""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from math import isnan
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch import Tensor

from ...engine.hooks.unwrap import unwrapped_model
from ...evaluation.features import extract_features
from ..common import add_common_arguments, build_runner, load_config, name_of

PACKAGES = ('mcl_plugins', 'torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmpretrain')


@dataclass
class Features:
    """Features (N, D) and labels (N,) of the training and the validation images."""

    train: Tensor
    train_labels: Tensor
    val: Tensor
    val_labels: Tensor


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all commands take."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help="a classifier's config, from configs/<method>/transfer/")
    parser.add_argument('checkpoint', help='pre-training checkpoint; the config has its prefix')
    parser.add_argument(
        '--out', type=Path, help='where the result goes; beside CHECKPOINT by default'
    )
    add_common_arguments(parser)
    return parser


def build_classifier(args: argparse.Namespace) -> tuple[Runner, Any, Config]:
    """A runner, its classifier with the checkpoint's encoder in evaluation mode, and the config.

    Raises:
        ValueError: the config is not a classifier's, the checkpoint does not fit it, or the result
            cannot be written.
    """
    check_output(args.out or Path(args.checkpoint))
    # Not where the config's own training keeps its record.
    args.work_dir = args.work_dir or f'./work_dirs/evaluate/{name_of(args.config)}'
    config = load_config(args)
    classifies = config.get('default_scope') in (None, 'mmpretrain')
    if not classifies or not config.get('val_evaluator') or 'backbone' not in config.model:
        raise ValueError(
            f'{args.config} is no config of a classifier; take one of configs/<method>/transfer/.'
        )
    backbone = config.model.backbone
    backbone.init_cfg = {**(backbone.get('init_cfg') or {}), 'type': 'Pretrained'}
    if 'prefix' not in backbone.init_cfg:
        raise ValueError(
            f'{args.config} does not say which part of a checkpoint is its encoder: set '
            'model.backbone.init_cfg.prefix (backbone. for a classifier, or for the student of a '
            'pre-training), or take a config that starts from a pre-training.'
        )
    backbone.init_cfg.checkpoint = args.checkpoint
    if 'Swin' in backbone.type:
        backbone.setdefault('pad_small_map', True)  # images of any size
    runner = build_runner(without_training(config))
    model = unwrapped_model(runner)
    model.init_weights()
    model.eval()
    return runner, model, config


def extract(
    args: argparse.Namespace, check: Callable[[int], None] = lambda images: None
) -> Features:
    """What the classifier's head would see of both data sets, all prepared as for validation.

    Args:
        args: of the command.
        check: is called with the number of training images before they are encoded, which takes
            long, and raises if the command has no use for so many.
    """
    runner, model, config = build_classifier(args)

    def encode(batch: dict) -> Tensor:
        return model.extract_feat(model.data_preprocessor(batch)['inputs'])[-1]

    features: list[Tensor] = []
    loaders = {
        split: runner.build_dataloader(evaluation_loader(config, split))
        for split in ('train', 'val')
    }
    check(len(loaders['train'].dataset))
    for split, loader in loaders.items():
        features += extract_features(encode, loader, f'{split} images')
    return Features(*features)


def evaluation_loader(config: Config, split: str) -> dict:
    """The config's loader of a split, in order, and with the validation's pipeline."""
    loader = copy.deepcopy(config[f'{split}_dataloader'])
    loader.update(
        drop_last=False,
        sampler=dict(type='DefaultSampler', shuffle=False),
        batch_size=config.val_dataloader.batch_size,
    )
    loader.dataset.pipeline = copy.deepcopy(config.val_dataloader.dataset.pipeline)
    return loader


def without_training(config: Config) -> Config:
    """The config with a model and nothing to do."""
    config = copy.deepcopy(config)
    for part in ('train', 'val', 'test'):
        for name in (f'{part}_dataloader', f'{part}_cfg', f'{part}_evaluator'):
            config.pop(name, None)
    for name in ('optim_wrapper', 'param_scheduler', 'auto_scale_lr'):
        config.pop(name, None)
    return config


def check_output(path: Path) -> None:
    """Raise a ValueError unless a result can be written to ``path``, or beside it."""
    folder = next(place for place in path.absolute().parents if place.exists())
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f'The result cannot be written to {path}: name a file with --out.')


def write_results(args: argparse.Namespace, command: str, results: dict) -> None:
    """Print the results, and write them down with what they were computed from.

    A result that is not a number, such as the mean over no query, is null in the file: JSON has
    nothing else for it.
    """
    if not is_main_process():
        return
    for name, value in results.items():
        shown = 'none: nothing to score, null in the file' if isnan(value) else f'{value:.2f}'
        print(f'{name:>12}: {shown}')
    path = args.out or Path(f'{args.checkpoint}.{command}.json')
    record = {
        'command': command,
        'results': {name: None if isnan(value) else value for name, value in results.items()},
        'config': args.config,
        'options': args.cfg_options or {},
        'checkpoint': args.checkpoint,
        'checkpoint_sha256': hashlib.sha256(Path(args.checkpoint).read_bytes()).hexdigest(),
        'versions': {package: version(package) for package in PACKAGES},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2, allow_nan=False) + '\n')
    print(f'results: {path}')


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Share of hits in percent."""
    return round(100 * (predictions == labels).float().mean().item(), 4)
