"""What the commands of this folder share: features of two data sets, and a report."""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
from argparse import Namespace
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

from ...datasets.classes import agree_on_classes
from ...engine.hooks.unwrap import unwrapped_model
from ...evaluation.features import extract_features
from ...utils.places import find_config
from ..arguments import parser_for
from ..common import add_common_arguments, build_runner, load_config, name_of

PACKAGES = ('mcl_plugins', 'torch', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmpretrain')


@dataclass
class Features:
    """Features (N, D) and labels (N,) of the training and the validation images."""

    train: Tensor
    train_labels: Tensor
    val: Tensor
    val_labels: Tensor


def frozen_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the arguments that all commands on frozen features take."""
    parser = parser_for(description)
    parser.add_argument('config', help="a classifier's config, from configs/<method>/transfer/")
    parser.add_argument('checkpoint', help='pre-training checkpoint; the config has its prefix')
    parser.add_argument(
        '--out', type=Path, help='where the result goes; beside CHECKPOINT by default'
    )
    add_common_arguments(parser)
    return parser


def build_classifier(
    config: str | Path,
    checkpoint: str | Path | None,
    work_dir: str | Path | None = None,
    **loading: Any,
) -> tuple[Runner, Any, Config]:
    """Build a classifier around the encoder of a checkpoint, in evaluation mode.

    Args:
        config: a classifier's: a path, or a name among the package's own configs.
        checkpoint: of a pre-training or a classifier; None for an encoder of random weights.
        work_dir: where the log goes; ``work_dirs/evaluate/<config>`` by default, which is not
            where the config's own training keeps its record.
        **loading: ``cfg_options``, ``launcher`` and ``pin_memory`` of
            :func:`~mcl_plugins.cli.common.load_config`.

    Returns:
        The runner, its classifier, and the config with what was asked for.

    Raises:
        FileNotFoundError: the config or the checkpoint does not exist.
        ValueError: the config is not a classifier's, or the checkpoint does not fit it.
    """
    work_dir = work_dir or f'./work_dirs/evaluate/{name_of(find_config(config))}'
    settings = load_config(config, work_dir=work_dir, **loading)
    classifies = settings.get('default_scope') in (None, 'mmpretrain')
    if not classifies or not settings.get('val_evaluator') or 'backbone' not in settings.model:
        raise ValueError(
            f'{config} is no config of a classifier; take one of configs/<method>/transfer/.'
        )
    backbone = settings.model.backbone
    if checkpoint is None:
        backbone.init_cfg = None
    else:
        start_from(backbone, checkpoint, config)
    if 'Swin' in backbone.type:
        backbone.setdefault('pad_small_map', True)  # images of any size
    runner = build_runner(without_training(settings))
    model = unwrapped_model(runner)
    model.init_weights()
    model.eval()
    return runner, model, settings


def start_from(backbone: Config, checkpoint: str | Path, config: str | Path) -> None:
    """Let an encoder's config begin with a checkpoint; ``config`` is named in messages.

    Raises:
        ValueError: it does not say which part of a checkpoint is the encoder.
    """
    backbone.init_cfg = {**(backbone.get('init_cfg') or {}), 'type': 'Pretrained'}
    if 'prefix' not in backbone.init_cfg:
        raise ValueError(
            f'{config} does not say which part of a checkpoint is its encoder: set '
            'model.backbone.init_cfg.prefix (backbone. for a classifier, or for the student of a '
            'pre-training), or take a config that starts from a pre-training.'
        )
    backbone.init_cfg.checkpoint = str(checkpoint)


def extract(
    config: str | Path,
    checkpoint: str | Path | None,
    check: Callable[[int], None] = lambda images: None,
    **loading: Any,
) -> Features:
    """Encode the training and the validation images of a config, all prepared as for validation.

    Args:
        config: a classifier's; its head would see these features.
        checkpoint: see :func:`build_classifier`.
        check: is called with the number of training images before they are encoded, which takes
            long, and raises if there is no use for so many.
        **loading: see :func:`build_classifier`.
    """
    runner, model, settings = build_classifier(config, checkpoint, **loading)

    def encode(batch: dict) -> Tensor:
        return model.extract_feat(model.data_preprocessor(batch)['inputs'])[-1]

    return features_of(encode, runner, settings, check)


def features_of(
    encode: Callable[[dict], Tensor],
    runner: Runner,
    config: Config,
    check: Callable[[int], None] = lambda images: None,
) -> Features:
    """Encode the training and the validation images of a config.

    Args:
        encode: from a batch of a data loader to (N, D) features.
        runner: builds the loaders.
        config: of :func:`build_classifier`.
        check: see :func:`extract`.

    Raises:
        ValueError: the two data sets have other classes, by name.
    """
    features: list[Tensor] = []
    loaders = {
        split: runner.build_dataloader(evaluation_loader(config, split))
        for split in ('train', 'val')
    }
    check(len(loaders['train'].dataset))
    agree_on_classes({f'{split}_dataloader': loader.dataset for split, loader in loaders.items()})
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


def report(command: str, evaluate: Callable[..., dict[str, float]], args: Namespace) -> None:
    """Run the function of a command, print what it found, and write it down.

    Args:
        command: its name, which is part of the file's name.
        evaluate: takes all arguments but ``out``, and returns figures by name.
        args: of :func:`frozen_parser`.
    """
    settings = vars(args)
    out = settings.pop('out') or Path(f'{args.checkpoint}.{command}.json')
    check_output(out)
    results = evaluate(**settings)
    if is_main_process():
        write_results(command, results, out, args)


def write_results(command: str, results: dict[str, float], out: Path, args: Namespace) -> None:
    """Print figures, and write them down with what they were computed from.

    A result that is not a number, such as the mean over no query, is null in the file: JSON has
    nothing else for it.
    """
    for name, value in results.items():
        shown = 'none: nothing to score, null in the file' if isnan(value) else f'{value:.2f}'
        print(f'{name:>12}: {shown}')
    record = {
        'command': command,
        'results': {name: None if isnan(value) else value for name, value in results.items()},
        'config': args.config,
        'options': args.cfg_options or {},
        'checkpoint': args.checkpoint,
        'checkpoint_sha256': hashlib.sha256(Path(args.checkpoint).read_bytes()).hexdigest(),
        'versions': {package: version(package) for package in PACKAGES},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=2, allow_nan=False) + '\n')
    print(f'results: {out}')


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Share of hits in percent."""
    return round(100 * (predictions == labels).float().mean().item(), 4)
