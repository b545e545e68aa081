"""Parts that the evaluation commands share: a frozen encoder, its features, and the report."""

from __future__ import annotations

import copy
import os
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch import Tensor

from ...checkpoint.digest import sha256_of
from ...checkpoint.sources import find_weights, load_checkpoint
from ...datasets.classes import agree_on_classes
from ...engine.bands import check_bands
from ...engine.finite.black_box import as_json
from ...engine.statistics import warn_of_encoders
from ...engine.unwrap import unwrapped_model
from ...evaluation.features import extract_features
from ...layers.fused_window_attention import keep_single_windows
from ...own.wrapped import each_once, pipeline_of
from ...utils.images import printable
from ...utils.places import find_config, home
from ...utils.versions import installed_versions
from ...utils.writing import write_json
from ...version import __version__
from ..common import build_runner, get_config_name, load_config

# Of a record's arguments: what it names apart, and what its results do not depend on.
_LEFT_OUT = ('config', 'cfg_options', 'checkpoint', 'launcher', 'pin_memory', 'work_dir')


@dataclass
class Features:
    """Features (N, D) and labels (N,) of the training and the validation images."""

    train: Tensor
    train_labels: Tensor
    val: Tensor
    val_labels: Tensor


def build_classifier(
    config: str | Path,
    checkpoint: str | Path | None,
    work_dir: str | Path | None = None,
    **loading: Any,
) -> tuple[Runner, Any, Config]:
    """Build a classifier with the encoder of a checkpoint, in evaluation mode.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoint: checkpoint of a pre-training or a classifier; None for random weights.
        work_dir: folder for the log; by default ``work_dirs/evaluate/<config>``, which differs from
            the work dir of the config's own training.
        **loading: ``cfg_options``, ``launcher`` and ``pin_memory`` of
            :func:`~mcl_plugins.cli.common.load_config`.

    Returns:
        The Runner, its classifier, and the config with the options applied.

    Raises:
        FileNotFoundError: the config or the checkpoint does not exist.
        ValueError: the config is not that of a classifier, or the checkpoint does not fit it.
    """
    work_dir = work_dir or f'./work_dirs/evaluate/{get_config_name(find_config(config))}'
    cfg = load_config(config, work_dir=work_dir, **loading)
    classifies = cfg.get('default_scope') in (None, 'mmpretrain')
    if not classifies or not cfg.get('val_evaluator') or 'backbone' not in cfg.model:
        raise ValueError(
            f'{config} is not the config of a classifier; use one from configs/<method>/transfer/.'
        )
    backbone = cfg.model.backbone
    if checkpoint is None:
        backbone.init_cfg = None
    else:
        start_from(backbone, checkpoint, config)
    if 'Swin' in backbone.type:
        backbone.setdefault('pad_small_map', True)  # images of any size
    runner = build_runner(without_training(cfg))
    model = unwrapped_model(runner)
    check_bands(model)
    model.init_weights()
    warn_of_encoders(model)
    model.eval()
    keep_single_windows(model)
    return runner, model, cfg


def start_from(backbone: Config, checkpoint: str | Path, config: str | Path) -> None:
    """Set the checkpoint that an encoder's config is initialised from.

    Args:
        backbone: config of the encoder, changed in place.
        checkpoint: the file to load.
        config: the config file, named in messages.

    Raises:
        ValueError: the config does not say which part of a checkpoint is the encoder.
    """
    backbone.init_cfg = {**(backbone.get('init_cfg') or {}), 'type': 'Pretrained'}
    if 'prefix' not in backbone.init_cfg:
        raise ValueError(
            f'{config} does not say which part of a checkpoint is its encoder: set '
            'model.backbone.init_cfg.prefix (backbone. for a classifier or for the student of a '
            'pre-training), or use a config that starts from a pre-training.'
        )
    backbone.init_cfg.checkpoint = str(checkpoint)


def find_classifier(checkpoint: str | Path) -> str:
    """Return the name of the config that an encoder of the zoo was evaluated with.

    Args:
        checkpoint: a file that names one of this package's own configs, which alone are read.

    Raises:
        ValueError: it names none.
    """
    meta = load_checkpoint(str(checkpoint)).get('meta') or {}
    name, own = meta.get('classifier'), (home() / 'configs').resolve()
    if isinstance(name, str) and own in (path := (own / name).resolve()).parents and path.is_file():
        return name
    raise ValueError(
        f'{checkpoint} does not say with which classifier it is evaluated, as encoders of the zoo '
        "do: give CONFIG before it, a classifier's from configs/<method>/transfer/."
    )


def extract(
    config: str | Path,
    checkpoint: str | Path | None,
    check: Callable[[int], None] = lambda images: None,
    **loading: Any,
) -> Features:
    """Encode the training and validation images of a config, all with the validation pipeline.

    Args:
        config: config of a classifier; the features are the input of its head.
        checkpoint: see :func:`build_classifier`.
        check: called with the number of training images before they are encoded, which takes long;
            raises if the number is not suitable.
        **loading: see :func:`build_classifier`.
    """
    runner, model, cfg = build_classifier(config, checkpoint, **loading)
    return compute_features(partial(encode_batch, model), runner, cfg, check)


def encode_batch(model: Any, batch: dict) -> Tensor:
    """Encode a batch of a data loader to the (N, D) input of a classifier's head."""
    return model.extract_feat(model.data_preprocessor(batch)['inputs'])[-1]


def compute_features(
    encode: Callable[[dict], Tensor],
    runner: Runner,
    config: Config,
    check: Callable[[int], None] = lambda images: None,
) -> Features:
    """Encode the training and validation images of a config.

    Args:
        encode: maps a batch of a data loader to features (N, D).
        runner: builds the data loaders.
        config: config that :func:`build_classifier` returned.
        check: see :func:`extract`.

    Raises:
        ValueError: the two data sets have other classes, by name, or images of other bands than the
            encoder takes.
    """
    features: list[Tensor] = []
    loaders = {
        split: runner.build_dataloader(evaluation_loader(config, split))
        for split in ('train', 'val')
    }
    check(len(loaders['train'].dataset))
    agree_on_classes({f'{split}_dataloader': loader.dataset for split, loader in loaders.items()})
    for split, loader in loaders.items():
        check_bands(unwrapped_model(runner), loader.dataset)
        features += extract_features(encode, loader, f'{split} images')
    return Features(*features)


def evaluation_loader(config: Config, split: str) -> dict:
    """Return the config of a split's data loader, unshuffled and with the validation pipeline.

    Each image counts once, also if the split is wrapped to be repeated or balanced. Joined data
    sets stay joined; the validation pipeline is that of the first.
    """
    loader = copy.deepcopy(config[f'{split}_dataloader'])
    loader.update(
        drop_last=False,
        sampler=dict(type='DefaultSampler', shuffle=False),
        batch_size=config.val_dataloader.batch_size,
    )
    loader.dataset = each_once(loader.dataset, pipeline_of(config.val_dataloader.dataset))
    return loader


def without_training(config: Config) -> Config:
    """Return a copy of a config without training, validation and test."""
    config = copy.deepcopy(config)
    for part in ('train', 'val', 'test'):
        for name in (f'{part}_dataloader', f'{part}_cfg', f'{part}_evaluator'):
            config.pop(name, None)
    for name in ('optim_wrapper', 'param_scheduler', 'auto_scale_lr'):
        config.pop(name, None)
    return config


def check_output(path: Path) -> None:
    """Raise a ValueError unless a result can be written to ``path``."""
    folder = next(place for place in path.absolute().parents if place.exists())
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f'The result cannot be written to {path}; name another file with --out.')


def report(command: str, evaluate: Callable[..., dict[str, float]], args: Namespace) -> None:
    """Run the function of a command, print its results and write them to a file.

    Args:
        command: name of the command, which is part of the file's name.
        evaluate: takes all arguments except ``out`` and returns numbers by name.
        args: parsed arguments of :func:`frozen_parser`.

    Raises:
        ValueError: the results cannot be written; this is found before they are computed.
    """
    out = args.out or place_beside(args.checkpoint, command)
    check_output(out)
    args.config = args.config or find_classifier(args.checkpoint)
    arguments = vars(args)
    del arguments['out']
    sha256 = digest_of(args.checkpoint)  # a training that goes on may delete the file
    results = evaluate(**arguments)
    if is_main_process():
        write_results(command, results, out, args, sha256)


def place_beside(checkpoint: str, command: str) -> Path:
    """Return the file of a command's results beside a checkpoint.

    Raises:
        ValueError: the checkpoint is not on this machine.

    Example:
        >>> str(place_beside('work_dirs/vit/epoch_1.pth', 'knn'))
        'work_dirs/vit/epoch_1.pth.knn.json'
    """
    if '://' in checkpoint:
        raise ValueError(
            f'{checkpoint} is not a file of this machine, so there is no place beside it for the '
            'results: name a file with --out.'
        )
    return Path(f'{Path(checkpoint).expanduser()}.{command}.json')


def digest_of(checkpoint: str) -> str | None:
    """Return the SHA-256 of a checkpoint; None for a URL, and for a file that does not exist."""
    if '://' in checkpoint or not (file := find_weights(checkpoint)).is_file():
        return None
    return sha256_of(file)


def write_results(
    command: str,
    results: dict[str, float],
    out: Path,
    args: Namespace,
    sha256: str | None = None,
) -> None:
    """Print results and write them to a file, with the arguments they were computed with.

    A result that is NaN, such as a mean over no queries, is null in the file, because JSON has no
    NaN. An argument that is not finite is written as a word.

    Args:
        command: name of the command.
        results: numbers by name.
        out: the file.
        args: arguments of the evaluation.
        sha256: of the checkpoint; None if it is not a file of this machine.
    """
    for name, value in results.items():
        shown = 'none: no queries to score; null in the file' if isnan(value) else f'{value:.2f}'
        print(f'{name:>12}: {shown}')
    record = {
        'command': command,
        'results': {name: None if isnan(value) else value for name, value in results.items()},
        'config': args.config,
        'options': args.cfg_options or {},
        'arguments': {key: value for key, value in vars(args).items() if key not in _LEFT_OUT},
        'checkpoint': args.checkpoint,
        'checkpoint_sha256': sha256,
        'versions': {'mcl_plugins': __version__, **installed_versions()},
    }
    write_json(out, as_json(record), default=str)  # a path becomes text
    print(f'results: {printable(out)}')


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Return the share of correct predictions in percent."""
    return round(100 * (predictions == labels).float().mean().item(), 4)
