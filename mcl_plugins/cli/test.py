"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``; arguments as in OpenMMLab."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

import mmengine
from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults

from .arguments import at_least
from .common import add_common_arguments, build_runner, load_config

SUFFIXES = {'metrics': ('.json', '.yaml', '.yml', '.pkl'), 'pred': ('.pkl', '.pickle')}
VISUALISATION = {
    'mmpretrain': 'VisualizationHook',
    'mmseg': 'SegVisualizationHook',
    'mmdet': 'DetVisualizationHook',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint of the whole model')
    parser.add_argument('--out', help='file for the predictions (.pkl) or metrics')
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
    return parser.parse_args()


def configure(args: argparse.Namespace) -> Config:
    """The config with the command line applied."""
    config = load_config(args)
    if not config.get('test_dataloader'):
        raise ValueError(
            f'{args.config} has nothing to test: pre-training configs have no test set. '
            'Fine-tune with one of the configs under transfer/ and test that.'
        )
    if args.out:
        check_output(Path(args.out), args.out_item)
    config.load_from = args.checkpoint
    if args.amp:
        config.test_cfg.fp16 = True
    if args.show or args.show_dir:
        show_predictions(config, args)
    if args.tta:
        use_test_time_augmentation(config)
    return config


def check_output(path: Path, item: str) -> None:
    """Raise a ValueError unless ``--out-item`` can be written to ``--out``."""
    suffixes = SUFFIXES[item]
    if path.suffix not in suffixes:
        raise ValueError(f'--out {path}: {item} can be written as {", ".join(suffixes)}.')
    if not path.absolute().parent.is_dir():
        raise ValueError(f'--out {path}: there is no folder {str(path.parent)!r}; make it first.')


def show_predictions(config: Config, args: argparse.Namespace) -> None:
    """Turn on pictures of predictions, as the library's own hook for them wants it."""
    scope = config.get('default_scope', 'mmpretrain')
    hook = config.default_hooks.setdefault('visualization', dict(type=VISUALISATION[scope]))
    hook.update(show=args.show, wait_time=args.wait_time, interval=args.interval)
    if scope == 'mmpretrain':
        hook.update(enable=True, out_dir=args.show_dir)
        return
    hook.draw = True
    if args.show_dir and scope == 'mmdet':
        hook.test_out_dir = str(Path(args.show_dir).absolute())  # mmdet joins it to the work dir
    elif args.show_dir:
        config.visualizer.save_dir = args.show_dir


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


def main() -> None:
    """Evaluate."""
    args = parse_args()
    runner = build_runner(configure(args))
    if args.out and args.out_item == 'pred':
        dump = dump_type(runner.cfg.get('default_scope'))
        runner.test_evaluator.metrics.append(dump(out_file_path=args.out))
    metrics = runner.test()
    if args.out and args.out_item == 'metrics' and is_main_process():
        mmengine.dump(metrics, args.out)
