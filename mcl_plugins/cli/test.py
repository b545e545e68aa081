"""Evaluate a fine-tuned model: mcl test CONFIG CHECKPOINT, as in OpenMMLab."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine
from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults

from ..own.wrapped import pipeline_of, unwrapped
from .common import build_runner, load_config
from .parsers.general import test as parse_args

SUFFIXES = {'metrics': ('.json', '.yaml', '.yml', '.pkl'), 'pred': ('.pkl', '.pickle')}
VISUALISATION = {
    'mmpretrain': 'VisualizationHook',
    'mmseg': 'SegVisualizationHook',
    'mmdet': 'DetVisualizationHook',
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the evaluation that the command line describes."""
    test(**vars(parse_args(argv)))


def test(
    config: str | Path,
    checkpoint: str | Path,
    out: Path | None = None,
    out_item: str = 'pred',
    **options: Any,
) -> dict[str, float]:
    """Evaluate a checkpoint on the test set of a config.

    Args:
        config: a path, or a name among the package's own configs.
        checkpoint: checkpoint of the complete model, as written by fine-tuning.
        out: file that receives ``out_item``.
        out_item: ``'pred'`` for the predictions or ``'metrics'``.
        **options: arguments of :func:`configure`: ``tta``, ``show_dir``, ``cfg_options``, ...

    Returns:
        The metrics.

    Raises:
        FileNotFoundError: the config or the checkpoint does not exist.
        ValueError: the config has no test set, or an option is not valid for it.
    """
    if out:
        check_output(out, out_item)
    runner = build_runner(configure(config, checkpoint, **options))
    if out and out_item == 'pred':
        dump = dump_type(runner.cfg.get('default_scope'))
        runner.test_evaluator.metrics.append(dump(out_file_path=str(out)))
    metrics = runner.test()
    if out and out_item == 'metrics' and is_main_process():
        mmengine.dump(metrics, out)
    return metrics


def configure(
    config: str | Path,
    checkpoint: str | Path,
    amp: bool = False,
    show: bool = False,
    show_dir: str | None = None,
    interval: int = 1,
    wait_time: float = 2,
    tta: bool = False,
    **loading: Any,
) -> Config:
    """Load the config of an evaluation and apply the options.

    Args:
        config: a path, or a name among the package's own configs.
        checkpoint: checkpoint of the complete model.
        amp: evaluate in mixed precision.
        show: show predictions in a window.
        show_dir: folder for pictures of predictions.
        interval: show or save a picture for every ``interval``-th image.
        wait_time: seconds that a window stays open.
        tta: average over augmented copies of each image.
        **loading: ``work_dir``, ``cfg_options``, ``launcher`` and ``pin_memory`` of
            :func:`~mcl_plugins.cli.common.load_config`.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config has no test set, or an option is not valid for it.
    """
    cfg = load_config(config, **loading)
    if not cfg.get('test_dataloader'):
        raise ValueError(
            f'{config} has no test set, because it is a pre-training config. '
            'Fine-tune with one of the configs under transfer/ and test the result.'
        )
    cfg.load_from = str(checkpoint)
    if amp:
        cfg.test_cfg.fp16 = True
    if show or show_dir:
        show_predictions(cfg, show, show_dir, interval, wait_time)
    if tta:
        use_test_time_augmentation(cfg)
    return cfg


def check_output(path: Path, item: str) -> None:
    """Raise a ValueError unless ``--out-item`` can be written to ``--out``."""
    suffixes = SUFFIXES[item]
    if path.suffix not in suffixes:
        raise ValueError(f'--out {path}: {item} can be written as {", ".join(suffixes)}.')
    if not path.absolute().parent.is_dir():
        raise ValueError(f'--out {path}: there is no folder {str(path.parent)!r}; create it first.')


def show_predictions(
    config: Config, show: bool, show_dir: str | None, interval: int, wait_time: float
) -> None:
    """Enable pictures of predictions through the hook of the library that the config uses."""
    scope = config.get('default_scope', 'mmpretrain')
    hook = config.default_hooks.setdefault('visualization', dict(type=VISUALISATION[scope]))
    hook.update(show=show, wait_time=wait_time, interval=interval)
    if scope == 'mmpretrain':
        hook.update(enable=True, out_dir=show_dir)
        return
    hook.draw = True
    if show_dir and scope == 'mmdet':
        hook.test_out_dir = str(Path(show_dir).absolute())  # mmdet joins it to the work dir
    elif show_dir:
        config.visualizer.save_dir = show_dir


def use_test_time_augmentation(config: Config) -> None:
    """Average predictions over the augmentations of ``tta_pipeline``.

    Classifiers without ``tta_pipeline`` use the image and its horizontal flip.

    Raises:
        ValueError: the config of a detector or segmentor has no ``tta_model``.
    """
    if 'tta_model' not in config and config.get('default_scope') not in (None, 'mmpretrain'):
        raise ValueError(
            '--tta: this config has no tta_model, which a detector or segmentor needs; run without '
            '--tta.'
        )
    if 'tta_model' not in config:
        config.tta_model = dict(type='mmpretrain.AverageClsScoreTTA')
    if 'tta_pipeline' not in config:
        pipeline = list(copy.deepcopy(pipeline_of(config.test_dataloader.dataset)))
        flips = [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)]
        pipeline[-1] = dict(type='TestTimeAug', transforms=[flips, [pipeline[-1]]])
        config.tta_pipeline = pipeline
    config.model = ConfigDict(**config.tta_model, module=config.model)
    dataset: Any  # a part of the config, which is changed in its place
    for dataset in unwrapped(config.test_dataloader.dataset):
        dataset['pipeline'] = config.tta_pipeline


class DumpLabelMaps(DumpResults):
    """Dump label maps of segmentors without the class scores, 600 bytes per pixel on ADE20K."""

    def process(self, data_batch: dict, predictions: Sequence[dict]) -> None:
        """Keep the label maps of a batch."""
        dropped = ('seg_logits', 'gt_sem_seg')
        kept = [
            {key: value for key, value in sample.items() if key not in dropped}
            for sample in predictions
        ]
        super().process(data_batch, kept)


def dump_type(scope: str | None) -> type[DumpResults]:
    """Return the class that dumps a library's predictions in a compact form."""
    if scope == 'mmseg':
        return DumpLabelMaps
    if scope == 'mmdet':
        from mmdet.evaluation import DumpDetResults  # noqa: PLC0415  mmdet is optional

        return DumpDetResults
    return DumpResults
