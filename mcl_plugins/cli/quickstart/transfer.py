"""Transfer pre-trained encoders to segmentation and detection, in miniature.

    mcl transfer-demo [--seeds 1] [--work-dir work_dirs/transfer_demo]

Makes scenes (``mcl data scenes``), pre-trains a ViT with CMAE and a Swin with MimCo on
those without labels, and trains UperNet, Mask R-CNN and ViTDet on those with, each from the
pre-trained encoder and, with the same settings, from random weights. The same networks untrained
show where learning begins. Two trainings run at a time, each on half of the cores. Writes
``results.json`` and ``report.png`` into the work dir. All training runs through ``mcl train``, as
a user's own does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...checkpoint.files import save_file
from ...utils.places import home, workspace
from ..arguments import parser_for
from .dense_models import build_model
from .report import NAMES
from .stages import (
    call,
    cell,
    checkpoint_of,
    clock,
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
Runs = dict[str, list[Future]]  # for each start the metrics, a seed each
STEPS = 3
STARTS = ('untrained', *TRAINED)


@dataclass(frozen=True)
class Task:
    """One benchmark.

    Attributes:
        name: what it is called.
        config: of the training on scenes.
        pretraining: the config that the encoder is pre-trained with.
        metrics: what is reported, with its name in the log and what it is multiplied by.
    """

    name: str
    config: Path
    pretraining: Path
    metrics: dict[str, tuple[str, float]]

    def label(self, start: str) -> str:
        """What lines of its trainings begin with."""
        return f'{self.name:>10}, {NAMES[start]:14}'


AP = {'box AP': ('coco/bbox_mAP', 100.0), 'mask AP': ('coco/segm_mAP', 100.0)}
CMAE, MIMCO = CONFIGS / 'scenes_cmae.py', CONFIGS / 'scenes_mimco.py'
# The longest first, so that both cores are done at about the same time; the report shows the last
# one's scenes, so it is a detector.
TASKS = {
    task.name: task
    for task in (
        Task('ViTDet', CONFIGS / 'scenes_vitdet.py', CMAE, AP),
        Task('UperNet', CONFIGS / 'scenes_upernet.py', CMAE, {'mIoU': ('mIoU', 1.0)}),
        Task('Mask R-CNN', CONFIGS / 'scenes_mask-rcnn.py', MIMCO, AP),
    )
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
        'test',
        task.config,
        work_dir / 'untrained.pth',
        *arguments,
        label=task.label('untrained'),
    )
    return metrics_of(task, json.loads(out.read_text()))


def fine_tune(task: Task, work_dir: Path, checkpoint: Path | None, seed: int) -> dict[str, float]:
    """Metrics after training on the scenes, from a checkpoint or from random weights."""
    start = (
        {'model__backbone__init_cfg__checkpoint': checkpoint}
        if checkpoint
        else {'model__backbone__init_cfg': None}
    )
    label = task.label('pretrained' if checkpoint else 'random')
    train(task.config, work_dir, label, randomness__seed=seed, **start)
    evaluations = [row for row in logged(work_dir) if 'loss' not in row]
    return metrics_of(task, evaluations[-1])


def run(
    task: Task, start: str, seed: int, checkpoint: Future[Path], work_dir: Path
) -> dict[str, float]:
    """Metrics of a task's network that begins with ``start``; waits for the pre-training."""
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
    """Queue what the tasks take, the first seed of all before the second of any.

    Args:
        pool: the queue.
        tasks: which ones.
        checkpoints: of the pre-trainings by config; they may not have ended.
        work_dir: gets a folder for each task.
        seeds: trainings from each start; the untrained network is measured once.

    Returns:
        For each task its runs.
    """
    runs: dict[str, Runs] = {task.name: {start: [] for start in STARTS} for task in tasks}
    jobs = list(itertools.product(range(seeds), tasks, TRAINED))
    short = [(0, task, 'untrained') for task in tasks]  # they fill what time is left
    for seed, task, start in sorted(jobs + short, key=lambda job: job[0]):
        folder = work_dir / task.config.stem
        job = pool.submit(run, task, start, seed, checkpoints[task.pretraining], folder)
        runs[task.name][start].append(job)
    return runs


def summaries(task: Task, runs: Runs) -> dict[str, dict]:
    """For each metric of a task the summaries by start."""
    return {
        metric: {
            start: summary([run.result()[metric] for run in row]) for start, row in runs.items()
        }
        for metric in task.metrics
    }


def measure(work_dir: Path, seeds: int) -> dict[str, dict]:
    """Pre-train both encoders and run all tasks; for each task its :func:`summaries`."""
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what is parsed are the arguments of :func:`run_transfer_demo`."""
    parser = parser_for(__doc__)
    parser.add_argument('--seeds', type=int, choices=(1, 2, 3), default=1, help='trainings each')
    parser.add_argument('--work-dir', type=Path, help='work_dirs/transfer_demo by default')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole demo, and print what it gave."""
    args = parse_args(argv)
    folder = (args.work_dir or workspace() / 'work_dirs' / 'transfer_demo').resolve()
    results = run_transfer_demo(args.seeds, folder)
    print_results({name: results[name] for name in TASKS})
    took, cpu = (clock(results[key]) for key in ('seconds', 'cpu_seconds'))
    print(f'\ndone in {took}, {cpu} of CPU time')
    print(f'\nresults: {folder / "results.json"}\npicture: {folder / "report.png"}')


def run_transfer_demo(seeds: int, work_dir: Path) -> dict:
    """Make the scenes, train everything, and write ``results.json`` and ``report.png``.

    Args:
        seeds: trainings of each network from each start.
        work_dir: where all of it goes.

    Returns:
        The content of ``results.json``: for each task its :func:`summaries`, and times in seconds.

    Raises:
        subprocess.CalledProcessError: a training failed, and has said why.
    """
    say(1, STEPS, 'Images: scenes with and without labels, as ADE20K and COCO have them')
    call('data', 'scenes', workspace() / 'data' / 'scenes')

    say(2, STEPS, 'Training without labels (ViT: CMAE; Swin: MoBY, then MimCo), then with them')
    results = measure(work_dir, seeds)

    say(3, STEPS, 'Report')
    trained = {
        name: {
            start: checkpoint_of(work_dir / task.config.stem / f'{start}-0') for start in TRAINED
        }
        for name, task in TASKS.items()
    }
    draw_report(results, {name: task.config for name, task in TASKS.items()}, trained, work_dir)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = {'seconds': seconds(), 'cpu_seconds': round(children.ru_utime + children.ru_stime)}
    record = {**results, **times}
    (work_dir / 'results.json').write_text(json.dumps(record, indent=2) + '\n')
    return record


def print_results(results: dict[str, dict]) -> None:
    """Print the metrics as a table."""
    print(f'\n{"on unseen scenes, %":24}{"untrained":>12}{"random":>14}{"pre-trained":>14}')
    for name, metrics in results.items():
        for metric, row in metrics.items():
            cells = [cell(row[start]) for start in ('untrained', 'random', 'pretrained')]
            print(f'{f"{name}, {metric}":24}{cells[0]:>12}{cells[1]:>14}{cells[2]:>14}')
