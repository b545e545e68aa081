"""Evaluate a fine-tuned model: mcl test CONFIG CHECKPOINT, as in OpenMMLab."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine
from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults

from .arguments import at_least, parser_for
from .common import add_common_arguments, build_runner, load_config

SUFFIXES = {'metrics': ('.json', '.yaml', '.yml', '.pkl'), 'pred': ('.pkl', '.pickle')}
VISUALISATION = {
    'mmpretrain': 'VisualizationHook',
    'mmseg': 'SegVisualizationHook',
    'mmdet': 'DetVisualizationHook',
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what is parsed are the arguments of :func:`test`."""
    parser = parser_for(__doc__)
    parser.add_argument('config', help='config file, or name of one of the package')
    parser.add_argument('checkpoint', help='checkpoint of the whole model')
    parser.add_argument('--out', type=Path, help='file for the predictions (.pkl) or metrics')
    parser.add_argument(
        '--out-item', choices=['metrics', 'pred'], default='pred', help='what goes into --out'
    )
    parser.add_argument('--amp', action='store_true', help='evaluate in mixed precision')
    parser.add_argument('--show', action='store_true', help='show predictions in a window')
    parser.add_argument('--show-dir', help='where pictures of predictions are saved')
    parser.add_argument('--interval', type=at_least(1), default=1, help='show every so many images')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds a window stays')
    parser.add_argument('--tta', action='store_true', help='average over augmented copies')
    add_common_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate as the command line says."""
    test(**vars(parse_args(argv)))


def test(
    config: str | Path,
    checkpoint: str | Path,
    out: Path | None = None,
    out_item: str = 'pred',
    **settings: Any,
) -> dict[str, float]:
    """Evaluate a checkpoint on the test set of a config.

    Args:
        config: a path, or a name among the package's own configs.
        checkpoint: of the whole model, as fine-tuning wrote it.
        out: file for what ``out_item`` says.
        out_item: ``'pred'`` for the predictions or ``'metrics'``.
        **settings: those of :func:`configure`: ``tta``, ``show_dir``, ``cfg_options``, ...

    Returns:
        The metrics.

    Raises:
        FileNotFoundError: the config or the checkpoint does not exist.
        ValueError: the config has no test set, or a setting does not fit.
    """
    if out:
        check_output(out, out_item)
    runner = build_runner(configure(config, checkpoint, **settings))
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
    """The config of an evaluation with everything that was asked for.

    Args:
        config: a path, or a name among the package's own configs.
        checkpoint: of the whole model.
        amp: evaluate in mixed precision.
        show: show predictions in a window.
        show_dir: folder for pictures of predictions.
        interval: show, or save, the pictures of every so many images.
        wait_time: seconds that a window stays.
        tta: average over augmented copies of each image.
        **loading: ``work_dir``, ``cfg_options``, ``launcher`` and ``pin_memory`` of
            :func:`~mcl_plugins.cli.common.load_config`.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: the config has no test set, or a setting does not fit.
    """
    settings = load_config(config, **loading)
    if not settings.get('test_dataloader'):
        raise ValueError(
            f'{config} has nothing to test: pre-training configs have no test set. '
            'Fine-tune with one of the configs under transfer/ and test that.'
        )
    settings.load_from = str(checkpoint)
    if amp:
        settings.test_cfg.fp16 = True
    if show or show_dir:
        show_predictions(settings, show, show_dir, interval, wait_time)
    if tta:
        use_test_time_augmentation(settings)
    return settings


def check_output(path: Path, item: str) -> None:
    """Raise a ValueError unless ``--out-item`` can be written to ``--out``."""
    suffixes = SUFFIXES[item]
    if path.suffix not in suffixes:
        raise ValueError(f'--out {path}: {item} can be written as {", ".join(suffixes)}.')
    if not path.absolute().parent.is_dir():
        raise ValueError(f'--out {path}: there is no folder {str(path.parent)!r}; make it first.')


def show_predictions(
    config: Config, show: bool, show_dir: str | None, interval: int, wait_time: float
) -> None:
    """Turn on pictures of predictions, as the library's own hook for them wants it."""
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
    """Average over what ``tta_pipeline`` says; for classifiers the flip is the default.

    Raises:
        ValueError: the config of a detector or segmentor says nothing.
    """
    if 'tta_model' not in config and config.get('default_scope') not in (None, 'mmpretrain'):
        raise ValueError('--tta: this config has neither tta_model nor tta_pipeline; leave it out.')
    if 'tta_model' not in config:
        config.tta_model = dict(type='mmpretrain.AverageClsScoreTTA')
    if 'tta_pipeline' not in config:
        pipeline = copy.deepcopy(config.test_dataloader.dataset.pipeline)
        flips = [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)]
        pipeline[-1] = dict(type='TestTimeAug', transforms=[flips, [pipeline[-1]]])
        config.tta_pipeline = pipeline
    config.model = ConfigDict(**config.tta_model, module=config.model)
    config.test_dataloader.dataset.pipeline = config.tta_pipeline


class DumpLabelMaps(DumpResults):
    """Label maps of segmentors, without the scores of all classes: 600 bytes a pixel on ADE20K."""

    def process(self, data_batch: dict, predictions: Sequence[dict]) -> None:
        """Keep what was predicted of a batch."""
        left_out = ('seg_logits', 'gt_sem_seg')
        kept = [
            {key: value for key, value in sample.items() if key not in left_out}
            for sample in predictions
        ]
        super().process(data_batch, kept)


def dump_type(scope: str | None) -> type[DumpResults]:
    """What writes a library's predictions: masks and label maps of whole data sets are large."""
    if scope == 'mmseg':
        return DumpLabelMaps
    if scope == 'mmdet':
        from mmdet.evaluation import DumpDetResults  # noqa: PLC0415  mmdet is optional

        return DumpDetResults
    return DumpResults
