"""Pre-train or fine-tune: mcl train CONFIG, with the arguments of OpenMMLab."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ..checkpoint.latest import find_checkpoint, own_files, run_files
from ..engine.checkpoints import out_dir_of
from ..engine.hooks import OverwriteHook
from ..engine.identity import starting_files
from ..engine.run_lock import hold
from ..own.probe import probe_for
from .common import build_runner, load_config
from .parsers.general import train as parse_args
from .report.hook import ReportHook
from .trackers import add_trackers


def main(argv: Sequence[str] | None = None) -> None:
    """Run the training that the command line describes."""
    train(**vars(parse_args(argv)))


def train(config: str | Path, report: bool = True, **options: Any) -> Runner:
    """Pre-train or fine-tune with a config.

    >>> from mcl_plugins.cli.train import train
    >>> runner = train('conmim/vit-b.py', work_dir='work_dirs/mine')  # doctest: +SKIP

    Args:
        config: a path, or a name among the package's own configs.
        report: write ``report.html``, the page of the run, into the work dir.
        **options: arguments of :func:`configure`: ``work_dir``, ``resume``, ``cfg_options``, ...

    Returns:
        The Runner at the end of the training; ``runner.model`` is the network.

    Raises:
        FileNotFoundError: the config or a file that it names does not exist.
        ValueError: an option is not valid for the config, or the work dir has a run, which may
            go on at this moment.
        SystemExit: a signal has stopped the training; its checkpoint is written.
    """
    cfg = configure(config, **options)
    # Before the Runner writes its config and log. It takes the same lock again.
    with hold(cfg.work_dir) if is_first_process() else nullcontext():
        runner = build_runner(cfg)
        if report:
            runner.register_hook(ReportHook())
        if options.get('overwrite'):
            runner.register_hook(OverwriteHook())
        runner.train()
    return runner


def is_first_process() -> bool:
    """Whether this is process 0, by what its launcher has set; it may not be connected yet."""
    ranks = (os.environ.get(name) for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'))
    return next((rank for rank in ranks if rank is not None), '0') == '0'


def configure(
    config: str | Path, resume: str | None = None, overwrite: bool = False, **options: Any
) -> Config:
    """Load the config of a training, apply the options, and look where it writes.

    Args:
        config: a path, or a name among the package's own configs.
        resume: checkpoint to continue from; ``'auto'`` for the newest in the work dir, if any.
        overwrite: start anew also in a work dir that has a run; :func:`train` then deletes its
            checkpoints as soon as the new run begins, wherever the config has them saved.
        **options: arguments of :func:`load_training`: ``amp``, ``init_from``, ``cfg_options``, ...

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: an option is not valid for the config, or the work dir has a run.
    """
    cfg = load_training(config, **options)
    # The option resume=True without a file means the same as --resume without a value.
    implied = 'auto' if cfg.get('resume') and not cfg.get('load_from') else None
    if start := resume or implied:
        set_resume(cfg, start)
    if overwrite and start:
        raise ValueError('--overwrite starts anew and --resume continues: leave one of them out.')
    check_places(cfg, overwrite)
    set_whole_model(cfg)
    return cfg


def load_training(
    config: str | Path,
    amp: bool = False,
    validate: bool = True,
    auto_scale_lr: bool = False,
    persistent_workers: bool = True,
    init_from: str | None = None,
    probe_data: str | None = None,
    log: list[str] | None = None,
    offline: bool = False,
    **loading: Any,
) -> Config:
    """Load the config of a training and apply the options that say what is trained, and how.

    Args:
        config: a path, or a name among the package's own configs.
        amp: train in float16 with loss scaling, on a GPU.
        validate: evaluate during training.
        auto_scale_lr: scale the learning rate with the batch size even if the config's
            ``auto_scale_lr`` is not enabled.
        persistent_workers: keep the data loader's workers from one epoch to the next.
        init_from: weights of another training or library that the encoder starts from.
        probe_data: folder with ``train/CLASS`` and ``val/CLASS``, which a pre-training classifies
            by k-NN in its course, see :func:`~mcl_plugins.own.probe.probe_for`.
        log: experiment trackers, see :func:`~mcl_plugins.cli.trackers.add_trackers`.
        offline: keep what they record on this machine.
        **loading: ``work_dir``, ``cfg_options``, ``launcher`` and ``pin_memory`` of
            :func:`~mcl_plugins.cli.common.load_config`.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: an option is not valid for the config.
    """
    cfg = load_config(config, **loading)
    if not validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if amp:
        if not torch.cuda.is_available():
            raise ValueError(
                '--amp trains in float16 on a GPU, but there is no GPU; run without --amp.'
            )
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if init_from:
        set_encoder(cfg, init_from)
    add_probe(cfg, probe_data)
    if log:
        add_trackers(cfg, log, offline)
    elif offline:
        raise ValueError('--offline is for --log: name a tracker, or leave it out.')
    if auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise ValueError(f'{config} does not state auto_scale_lr.base_batch_size.')
        cfg.auto_scale_lr.enable = True
    if not persistent_workers:
        cfg.train_dataloader.persistent_workers = False
    return cfg


def add_probe(config: Config, folder: str | None) -> None:
    """Let a pre-training classify the labelled images of a folder in its course, if there is one.

    Raises:
        ValueError: the config is of no pre-training by epochs, or has a probe already.
    """
    if folder:
        config.custom_hooks = [*(config.get('custom_hooks') or []), probe_for(config, folder)]


def set_encoder(config: Config, checkpoint: str) -> None:
    """Initialise the encoder from a file, such as MAE's weights for a pre-training with CMAE.

    Raises:
        ValueError: ``load_from`` names a whole model, or the model has no backbone.
    """
    if config.get('load_from'):
        raise ValueError(
            f'--init-from {checkpoint} initialises the encoder, and load_from={config.load_from} '
            'the whole model: leave one of them out.'
        )
    if 'backbone' not in config.model:
        raise ValueError(f'--init-from {checkpoint}: the model of the config has no backbone.')
    prefix = (config.model.backbone.get('init_cfg') or {}).get('prefix', 'backbone.')
    init = dict(type='Pretrained', checkpoint=checkpoint, prefix=prefix)
    config.model.backbone.init_cfg = init


def set_resume(config: Config, checkpoint: str) -> None:
    """Continue from ``checkpoint``, or with 'auto' from the newest one in the work dir.

    If the work dir has no checkpoint yet, 'auto' starts a new training. A job that is queued again
    after each stop can therefore always use it.
    """
    found: str | None = checkpoint
    if checkpoint == 'auto':
        found = find_checkpoint(config.work_dir, out_dir_of(config))
    if found:
        config.start_files = starting_files(config)
        config.resume_found = checkpoint == 'auto'
        config.resume, config.load_from = True, found
    elif not config.get('load_from'):
        config.resume = False


def set_whole_model(config: Config) -> None:
    """Initialise the encoder from the whole model that ``load_from`` or ``model.init_cfg`` names.

    ``model.init_cfg.checkpoint=FILE`` starts from a model that was trained on other classes.

    Raises:
        ValueError: both are set.
    """
    init = config.model.get('init_cfg')
    named = isinstance(init, dict) and init.get('checkpoint') and 'prefix' not in init
    if not config.get('load_from') and not named:
        return
    if config.get('load_from') and named:
        if not config.get('resume'):
            raise ValueError(
                f'load_from={config.load_from} and model.init_cfg.checkpoint={init["checkpoint"]} '
                'are both set, but the weights of the whole model come from one file: remove one.'
            )
        config.model.pop('init_cfg')  # the checkpoint to resume from has all weights
    elif named:
        init.setdefault('type', 'Pretrained')
    skip_encoder_checkpoint(config)


def check_places(config: Config, overwrite: bool) -> None:
    """Raise a ValueError if a new training is not to write, or to delete, where its config says."""
    if overwrite:
        own_files(config.work_dir, out_dir_of(config))  # the hook deletes them, much later
    elif not config.get('resume'):
        check_empty(config.work_dir, out_dir_of(config))


def check_empty(work_dir: str, out_dir: str | None = None) -> None:
    """Raise a ValueError if a work dir has a run, which a new one would mix with its own.

    A folder that has only logs, of a run that ended before its first checkpoint, counts as empty.

    Args:
        work_dir: of the training.
        out_dir: the config's ``default_hooks.checkpoint.out_dir``, whose checkpoints count, too.
    """
    files = run_files(work_dir, out_dir)
    if files:
        raise ValueError(
            f'{files[0].parent} has a run already ({", ".join(file.name for file in files[:3])}'
            f'{", ..." * (len(files) > 3)}). Continue it with --resume, choose another --work-dir, '
            'or start anew and delete its checkpoints with --overwrite.'
        )


def skip_encoder_checkpoint(config: Config) -> None:
    """Do not initialise the encoder from its own file, which is not needed and may be missing.

    On resuming, ``start_files`` keeps its name, which is compared with the checkpoint's.
    """
    if 'backbone' in config.model:
        config.model.backbone.pop('init_cfg', None)
