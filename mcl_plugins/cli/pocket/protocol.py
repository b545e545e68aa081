"""The one protocol of all rows: how a config is completed for a data set, a budget and a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...utils.places import find_config
from ..common import read_config
from ..options import merge_options
from .rows import Data, Row, count_images

BATCH = 64  # images of a step of pre-training
RATES = (5e-4, 1e-3, 2e-3)  # of which each row has the best by the validation part
PROBES = 4  # of the k-NN accuracy during pre-training
POINTS = 40  # of a logged curve
FINETUNE_STEPS, FINETUNE_BATCH = 400, 50
LABELS = ('50', '200', 'all')
NEIGHBOURS = 20
WARM_UP = 0.1  # of the steps
# Rows whose encoder returns no tokens or needs a mask, which the k-NN probe cannot read.
_UNPROBED = ('supervised', 'simmim')
# Lengths in pixels, by the names that they have in configs.
_PIXELS = {
    *('img_size', 'patch_size', 'scale', 'size', 'crop_size', 'max_shift'),
    *('input_size', 'mask_patch_size', 'model_patch_size', 'encoder_stride'),
    *('kernel_size', 'stride'),
}


def pretraining(
    row: Row,
    data: Data,
    images: int,
    seed: int,
    options: dict[str, Any] | None = None,
    teacher: Path | None = None,
) -> Config:
    """Return the config of a row's pre-training.

    Args:
        row: a row with a config.
        data: the data set.
        images: images that are seen, with repetitions; rounded up to whole epochs.
        seed: random seed.
        options: options of the config to override, by dotted name.
        teacher: checkpoint of the teacher, if the row has one.
    """
    config = read_config(find_config(f'pocket/{row.config}.py'))
    config.optim_wrapper.optimizer.lr = data.rates.get(row.name, config.optim_wrapper.optimizer.lr)
    merge_options(config, options)
    if teacher:
        config.model.teacher.backbone.init_cfg.checkpoint = str(teacher)
    config.train_dataloader.batch_size = config.auto_scale_lr.base_batch_size = BATCH
    batches = count_images(data.folder / 'train') // BATCH
    epochs = -(-images // (batches * BATCH))
    _finish(config, data, epochs, batches, seed)
    if row.name not in _UNPROBED:
        hook = probe(row, data, max(1, epochs // PROBES))
        config.custom_hooks = [*config.get('custom_hooks', []), hook]
    return config


def finetuning(
    row: Row, data: Data, encoder: Path | None, labels: str, seed: int, part: str = 'test'
) -> Config:
    """Return the config of a fine-tuning.

    Args:
        row: its family names the classifier.
        data: the data set.
        encoder: the pre-trained encoder; None for random weights.
        labels: an entry of ``LABELS``.
        seed: random seed, and the choice of the labelled images.
        part: the part of the data set that is classified at the end.
    """
    config = read_config(find_config(f'pocket/classify_{row.family}.py'))
    use_encoder(config, encoder)
    dataset = config.train_dataloader.dataset
    dataset.ann_file = '' if labels == 'all' else f'labels_{labels}_{seed % 5}.txt'
    count = count_images(data.folder / 'train') if labels == 'all' else int(labels)
    config.val_dataloader.dataset.data_prefix = part
    config.train_dataloader.drop_last = True
    if data.unequal:
        recall = dict(type='SingleLabelMetric', items=('recall',))
        config.val_evaluator = [config.val_evaluator, recall]
    batches = count // FINETUNE_BATCH
    _finish(config, data, -(-FINETUNE_STEPS // batches), batches, seed)
    return config


def frozen(row: Row, data: Data, encoder: Path | None, seed: int, part: str = 'test') -> Config:
    """Return the config by which frozen features are classified; all labels are used."""
    return finetuning(row, data, encoder, 'all', seed, part)


def use_encoder(config: Config, encoder: Path | None) -> None:
    """Let a classifier start from a file, or from random weights."""
    if encoder is None:
        config.model.backbone.init_cfg = None
    else:
        config.model.backbone.init_cfg.checkpoint = str(encoder)


def probe(row: Row, data: Data, interval: int) -> dict:
    """Return the hook that logs the k-NN accuracy on the validation part, from 200 labels."""
    loader = Config.fromfile(find_config(f'pocket/classify_{row.family}.py')).val_dataloader
    loader.dataset.data_root = str(data.folder)
    enlarge(loader, data.scale)
    few = Config(dict(loader=loader.to_dict())).loader
    few.dataset.update(data_prefix='train', ann_file='labels_200_0.txt')
    loader.dataset.data_prefix = 'val'
    return dict(
        type='mcl_plugins.ProbeHook',
        train_dataloader=few,
        val_dataloader=loader,
        interval=interval,
        encoder='ema.backbone' if row.name == 'conmim' else 'backbone',
        ks=(NEIGHBOURS,),
    )


def enlarge(part: Any, scale: int) -> None:
    """Multiply all lengths in pixels of a part of a config.

    Example:
        >>> config = Config(dict(backbone=dict(img_size=32, patch_size=8, embed_dims=96)))
        >>> enlarge(config, 2)
        >>> config.backbone
        {'img_size': 64, 'patch_size': 16, 'embed_dims': 96}
    """
    if isinstance(part, list | tuple):
        for entry in part:
            enlarge(entry, scale)
        return
    if not isinstance(part, dict | Config):
        return
    for key, value in part.items():
        if key in _PIXELS and isinstance(value, int):
            part[key] = value * scale
        else:
            enlarge(value, scale)


def _finish(config: Config, data: Data, epochs: int, batches: int, seed: int) -> None:
    """Set what both kinds of training share: images, length, schedule, seed and what is written."""
    enlarge(config, data.scale)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if config.get(name):
            config[name].dataset.data_root = str(data.folder)
    if 'head' in config.model and 'num_classes' in config.model.head:
        config.model.head.num_classes = data.classes
        config.data_preprocessor.num_classes = data.classes
        config.train_cfg.val_interval = epochs
    steps = epochs * batches
    config.train_cfg.max_epochs = epochs
    warm_up, cosine = config.param_scheduler
    end = max(1, round(WARM_UP * steps))
    for schedule, bounds in ((warm_up, (0, end)), (cosine, (end if cosine.begin else 0, steps))):
        schedule.pop('convert_to_iter_based', None)
        schedule.update(by_epoch=False, begin=bounds[0], end=bounds[1])
    config.randomness.seed = seed
    config.log_level = 'WARNING'
    config.default_hooks.checkpoint.interval = epochs
    config.default_hooks.logger.interval = max(1, steps // POINTS)
    config.log_processor = dict(window_size=max(1, steps // POINTS))
    config.vis_backends = [dict(type='LocalVisBackend')]
    config.visualizer.vis_backends = config.vis_backends
