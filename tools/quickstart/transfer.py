"""Transfer pre-trained encoders to segmentation and detection, in miniature.

    python tools/quickstart/transfer.py [--seeds 1] [--work-dir work_dirs/transfer_demo]

Makes scenes (``tools/data/make_scenes.py``), pre-trains a ViT with CMAE and a Swin with MimCo on
those without labels, and trains UperNet, Mask R-CNN and ViTDet on those with, each from the
pre-trained encoder and, with the same settings, from random weights. The same networks untrained
show where learning begins. Writes ``results.json`` and ``report.png`` into the work dir. All
training runs through ``tools/train.py``, as a user's own does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mcl_plugins  # noqa: F401  before the libraries, whose notices it keeps quiet
from dense_models import build_model
from mcl_plugins.checkpoint.files import save_file
from stages import (
    ROOT,
    call,
    cell,
    checkpoint_of,
    clock,
    logged,
    pretrain,
    run,
    say,
    seconds,
    summary,
    together,
    train,
)
from transfer_report import draw_report

SCENES = ROOT / 'data' / 'scenes'
CONFIGS = ROOT / 'configs' / 'quickstart'
STEPS = 6
LABELS = {'untrained': '  untrained', 'random': '     random', 'pretrained': 'pre-trained'}


@dataclass(frozen=True)
class Task:
    """One benchmark.

    Attributes:
        config: of the training on scenes.
        pretraining: the config that the encoder is pre-trained with.
        metrics: what is reported, with its name in the log and what it is multiplied by.
    """

    config: Path
    pretraining: Path
    metrics: dict[str, tuple[str, float]]


AP = {'box AP': ('coco/bbox_mAP', 100.0), 'mask AP': ('coco/segm_mAP', 100.0)}
CMAE, MIMCO = CONFIGS / 'scenes_cmae.py', CONFIGS / 'scenes_mimco.py'
TASKS = {
    'UperNet': Task(CONFIGS / 'scenes_upernet.py', CMAE, {'mIoU': ('mIoU', 1.0)}),
    'Mask R-CNN': Task(CONFIGS / 'scenes_mask-rcnn.py', MIMCO, AP),
    'ViTDet': Task(CONFIGS / 'scenes_vitdet.py', CMAE, AP),
}


def metrics_of(task: Task, row: dict) -> dict[str, float]:
    """A task's metrics in percent out of what an evaluation logged.

    mmdet logs nothing for a network that detects nothing at all.
    """
    return {
        name: round(factor * row.get(key, 0.0), 2) for name, (key, factor) in task.metrics.items()
    }


def untrained(task: Task, work_dir: Path) -> dict[str, float]:
    """Metrics of the task's network as it is initialised."""
    work_dir.mkdir(parents=True, exist_ok=True)
    model = build_model(task.config)
    save_file({'state_dict': model.state_dict(), 'meta': {}}, work_dir / 'untrained.pth')
    out = work_dir / 'metrics.json'
    arguments = ['--work-dir', work_dir, '--out', out, '--out-item', 'metrics']
    call(
        'tools/test.py',
        task.config,
        work_dir / 'untrained.pth',
        *arguments,
        label=LABELS['untrained'],
    )
    return metrics_of(task, json.loads(out.read_text()))


def fine_tune(task: Task, work_dir: Path, checkpoint: Path | None, seed: int) -> dict[str, float]:
    """Metrics after training on the scenes, from a checkpoint or from random weights."""
    start = (
        {'model__backbone__init_cfg__checkpoint': checkpoint}
        if checkpoint
        else {'model__backbone__init_cfg': None}
    )
    label = LABELS['pretrained' if checkpoint else 'random']
    train(task.config, work_dir, label, randomness__seed=seed, **start)
    evaluations = [row for row in logged(work_dir) if 'loss' not in row]
    return metrics_of(task, evaluations[-1])


def compare(task: Task, checkpoint: Path, work_dir: Path, seeds: int) -> dict[str, dict]:
    """Measure a task's network untrained, trained from random weights, and from a checkpoint.

    Args:
        task: which one.
        checkpoint: of the pre-training.
        work_dir: gets a folder for each run.
        seeds: trainings of both kinds; the two of a seed run side by side.

    Returns:
        For each metric the summaries by ``untrained``, ``random`` and ``pretrained``.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in LABELS}
    for seed in range(seeds):
        jobs = {
            name: partial(fine_tune, task, work_dir / f'{name}-{seed}', start, seed)
            for name, start in (('random', None), ('pretrained', checkpoint))
        }
        if seed == 0:
            jobs['untrained'] = partial(untrained, task, work_dir / 'untrained')
        for name, metrics in together(jobs).items():
            found[name].append(metrics)
    return {
        metric: {name: summary([row[metric] for row in rows]) for name, rows in found.items()}
        for metric in task.metrics
    }


def main() -> None:
    """Run the whole demo."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--seeds', type=int, choices=(1, 2, 3), default=1, help='trainings each')
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'transfer_demo')
    args = parser.parse_args()
    work_dir = args.work_dir.resolve()
    os.chdir(ROOT)  # the configs name the scenes from there

    say(1, STEPS, 'Images: scenes with and without labels, as ADE20K and COCO have them')
    call('tools/data/make_scenes.py', SCENES)

    say(2, STEPS, 'Pre-training without labels: CMAE on ViT beside MoBY, then MimCo, on Swin')
    names = {'  ViT': CMAE, ' Swin': MIMCO}
    checkpoints = together(
        {
            config: partial(pretrain, config, work_dir / config.stem, name)
            for name, config in names.items()
        }
    )

    results: dict[str, dict] = {}
    for step, (name, task) in enumerate(TASKS.items(), start=3):
        say(step, STEPS, f'{name} on scenes, from random and from pre-trained weights')
        folder = work_dir / task.config.stem
        results[name] = compare(task, checkpoints[task.pretraining], folder, args.seeds)

    say(6, STEPS, 'Report')
    trained = {
        name: {
            start: checkpoint_of(work_dir / task.config.stem / f'{start}-0')
            for start in ('random', 'pretrained')
        }
        for name, task in TASKS.items()
    }
    configs = {name: task.config for name, task in TASKS.items()}
    picture = draw_report(results, configs, trained, work_dir)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = {'seconds': seconds(), 'cpu_seconds': round(children.ru_utime + children.ru_stime)}
    file = work_dir / 'results.json'
    file.write_text(json.dumps({**results, **times}, indent=2) + '\n')
    print_results(results)
    print(f'\ndone in {clock(times["seconds"])}, {clock(times["cpu_seconds"])} of CPU time')
    print(f'\nresults: {file}\npicture: {picture}')


def print_results(results: dict[str, dict]) -> None:
    """Print the metrics as a table."""
    print(f'\n{"on unseen scenes, %":24}{"untrained":>12}{"random":>14}{"pre-trained":>14}')
    for name, metrics in results.items():
        for metric, row in metrics.items():
            cells = [cell(row[start]) for start in ('untrained', 'random', 'pretrained')]
            print(f'{f"{name}, {metric}":24}{cells[0]:>12}{cells[1]:>14}{cells[2]:>14}')


if __name__ == '__main__':
    run(main)
