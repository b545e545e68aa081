"""Transfer pre-trained encoders to segmentation and detection on miniature data sets.

    mcl transfer-demo [--seeds 1] [--work-dir work_dirs/transfer_demo]

The command makes scenes (``mcl data scenes``) and pre-trains a ViT with CMAE and a Swin with MimCo
on scenes without labels. It then trains UperNet, Mask R-CNN and ViTDet on scenes with labels, each
from the pre-trained encoder and, with the same hyperparameters, from random weights. The untrained
networks are evaluated too, as a baseline. Two trainings run at a time, each on half of the cores.
The command writes ``results.json``, ``report.png`` and a picture of each network's training curves
into the work dir. All trainings are run by ``mcl train``.
"""

from __future__ import annotations

import itertools
import json
import resource
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...checkpoint.files import save_file
from ...utils.places import home, workspace
from ...utils.writing import write_json
from ..parsers.quickstart import transfer as parse_args
from .comparison import compare_starts
from .dense_models import build_model
from .report import NAMES
from .stages import (
    call,
    cell,
    clock,
    find_last_checkpoint,
    logged,
    pretrain,
    say,
    seconds,
    side_by_side,
    summary,
    train,
    wait_for,
)
from .transfer_report import TRAINED, draw_report

CONFIGS = home() / 'configs' / 'quickstart'
Runs = dict[str, list[Future]]  # for each start, the metrics of each seed
STEPS = 3
STARTS = ('untrained', *TRAINED)


@dataclass(frozen=True)
class Task:
    """One benchmark.

    Attributes:
        name: name in tables.
        config: config of the training on scenes.
        pretraining: config of the encoder's pre-training.
        metrics: reported metrics, each with its name in the log and a factor.
    """

    name: str
    config: Path
    pretraining: Path
    metrics: dict[str, tuple[str, float]]

    def label(self, start: str) -> str:
        """Return the prefix of the lines that its trainings print."""
        return f'{self.name:>10}, {NAMES[start]:14}'


AP = {'box AP': ('coco/bbox_mAP', 100.0), 'mask AP': ('coco/segm_mAP', 100.0)}
CMAE, MIMCO = CONFIGS / 'scenes_cmae.py', CONFIGS / 'scenes_mimco.py'
# The longest task comes first, so that both cores finish at about the same time. The report shows
# the annotated scenes of the last task, so this is a detector.
TASKS = {
    task.name: task
    for task in (
        Task('ViTDet', CONFIGS / 'scenes_vitdet.py', CMAE, AP),
        Task('UperNet', CONFIGS / 'scenes_upernet.py', CMAE, {'mIoU': ('mIoU', 1.0)}),
        Task('Mask R-CNN', CONFIGS / 'scenes_mask-rcnn.py', MIMCO, AP),
    )
}


def select_metrics(task: Task, row: dict) -> dict[str, float]:
    """Return a task's metrics in percent from a row of the log.

    mmdet logs no metrics for a network without any detection; they count as 0.
    """
    return {
        name: round(factor * row.get(key, 0.0), 2) for name, (key, factor) in task.metrics.items()
    }


def untrained(task: Task, work_dir: Path) -> dict[str, float]:
    """Return the metrics of the task's network with its initial weights."""
    work_dir.mkdir(parents=True, exist_ok=True)
    model = build_model(task.config)
    save_file({'state_dict': model.state_dict(), 'meta': {}}, work_dir / 'untrained.pth')
    out = work_dir / 'metrics.json'
    arguments = ['--work-dir', work_dir, '--out', out, '--out-item', 'metrics']
    call(
        'test',
        task.config,
        work_dir / 'untrained.pth',
        *arguments,
        label=task.label('untrained'),
    )
    return select_metrics(task, json.loads(out.read_text()))


def fine_tune(task: Task, work_dir: Path, checkpoint: Path | None, seed: int) -> dict[str, float]:
    """Train on the scenes, from a checkpoint or random weights, and return the metrics."""
    start = (
        {'model__backbone__init_cfg__checkpoint': checkpoint}
        if checkpoint
        else {'model__backbone__init_cfg': None}
    )
    label = task.label('pretrained' if checkpoint else 'random')
    train(task.config, work_dir, label, randomness__seed=seed, **start)
    evaluations = [row for row in logged(work_dir) if 'loss' not in row]
    return select_metrics(task, evaluations[-1])


def run(
    task: Task, start: str, seed: int, checkpoint: Future[Path], work_dir: Path
) -> dict[str, float]:
    """Return the metrics of a task's network for a start; wait for its pre-training if needed."""
    if start == 'untrained':
        return untrained(task, work_dir / start)
    file = checkpoint.result() if start == 'pretrained' else None
    return fine_tune(task, work_dir / f'{start}-{seed}', file, seed)


def queue_runs(
    pool: ThreadPoolExecutor,
    tasks: Collection[Task],
    checkpoints: dict[Path, Future[Path]],
    work_dir: Path,
    seeds: int,
) -> dict[str, Runs]:
    """Queue the runs of the tasks, all runs of one seed before those of the next.

    Args:
        pool: pool that runs the jobs.
        tasks: tasks to run.
        checkpoints: checkpoints of the pre-trainings by config, which may still be running.
        work_dir: folder for the folders of the tasks.
        seeds: number of trainings from each start; the untrained network is evaluated once.

    Returns:
        The runs of each task.
    """
    runs: dict[str, Runs] = {task.name: {start: [] for start in STARTS} for task in tasks}
    jobs = list(itertools.product(range(seeds), tasks, TRAINED))
    short = [(0, task, 'untrained') for task in tasks]  # they fill the remaining time
    for seed, task, start in sorted(jobs + short, key=lambda job: job[0]):
        folder = work_dir / task.config.stem
        job = pool.submit(run, task, start, seed, checkpoints[task.pretraining], folder)
        runs[task.name][start].append(job)
    return runs


def summaries(task: Task, runs: Runs) -> dict[str, dict]:
    """Return the summaries by start for each metric of a task."""
    return {
        metric: {
            start: summary([run.result()[metric] for run in row]) for start, row in runs.items()
        }
        for metric in task.metrics
    }


def measure(work_dir: Path, seeds: int) -> dict[str, dict]:
    """Pre-train both encoders, run all tasks, and return the :func:`summaries` of each task."""
    encoders = {'ViT': CMAE, 'Swin': MIMCO}
    with side_by_side(2) as pool:
        checkpoints = {
            config: pool.submit(
                pretrain, config, work_dir / config.stem, f'{name:>10}, no labels     '
            )
            for name, config in encoders.items()
        }
        runs = queue_runs(pool, TASKS.values(), checkpoints, work_dir, seeds)
        rows = [row for starts in runs.values() for row in starts.values()]
        wait_for([*checkpoints.values(), *itertools.chain(*rows)], 'jobs')
    return {name: summaries(task, runs[name]) for name, task in TASKS.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo and print its results."""
    args = parse_args(argv)
    folder = (args.work_dir or workspace() / 'work_dirs' / 'transfer_demo').resolve()
    results = run_transfer_demo(args.seeds, folder)
    print_results({name: results[name] for name in TASKS})
    for name, lines in results['trainings'].items():
        print(f'\n{name}', *lines, sep='\n')
    took, cpu = (clock(results[key]) for key in ('seconds', 'cpu_seconds'))
    print(f'\ndone in {took}, {cpu} of CPU time')
    print(f'\nresults: {folder / "results.json"}\npicture: {folder / "report.png"}')


def run_transfer_demo(seeds: int, work_dir: Path) -> dict:
    """Make the scenes, train everything, and write ``results.json`` and the pictures.

    Args:
        seeds: number of trainings of each network from each start.
        work_dir: folder for all files.

    Returns:
        The content of ``results.json``: the :func:`summaries` of each task, the comparison of its
        trainings in words, and times in seconds.

    Raises:
        subprocess.CalledProcessError: a training failed and has printed why.
    """
    say(1, STEPS, 'Images: scenes with and without labels, in the formats of ADE20K and COCO')
    call('data', 'scenes', workspace() / 'data' / 'scenes')

    say(2, STEPS, 'Training without labels (ViT: CMAE; Swin: MoBY, then MimCo), then with them')
    results = measure(work_dir, seeds)

    say(3, STEPS, 'Report')
    runs = {
        task.name: {
            start: [work_dir / task.config.stem / f'{start}-{seed}' for seed in range(seeds)]
            for start in TRAINED
        }
        for task in TASKS.values()
    }
    trained = {
        name: {start: find_last_checkpoint(folders[0]) for start, folders in starts.items()}
        for name, starts in runs.items()
    }
    draw_report(results, {name: task.config for name, task in TASKS.items()}, trained, work_dir)
    trainings = {
        name: compare_starts(starts, work_dir / f'{TASKS[name].config.stem}.png')
        for name, starts in runs.items()
    }
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = {'seconds': seconds(), 'cpu_seconds': round(children.ru_utime + children.ru_stime)}
    record = {**results, 'trainings': trainings, **times}
    write_json(work_dir / 'results.json', record)
    return record


def print_results(results: dict[str, dict]) -> None:
    """Print the metrics as a table."""
    print(f'\n{"on unseen scenes, %":24}{"untrained":>12}{"random":>14}{"pre-trained":>14}')
    for name, metrics in results.items():
        for metric, row in metrics.items():
            cells = [cell(row[start]) for start in ('untrained', 'random', 'pretrained')]
            print(f'{f"{name}, {metric}":24}{cells[0]:>12}{cells[1]:>14}{cells[2]:>14}')
