"""Check everything that a training needs in a minute, before it runs for days.

    mcl preflight conmim/vit-b.py 8 [the options of mcl train, but --resume]

PROCESSES is the number of processes of this machine. On several machines start it as the training:
mcl torchrun ... -m mcl_plugins preflight CONFIG --launcher pytorch.

Checked are the installation, the config, the data and weights that it names, that all processes
come and can communicate; then the training itself begins, with all of its checks, takes a few steps
of full batches in a temporary work dir, and ends. Printed are their memory, speed and host syncs,
whether the loader keeps up, and the plan: batch and learning rate beside the paper's, negatives,
hours and size of the outputs. The status is 1 if there is a fault.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import all_gather_object
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import distributed as dist

from ...algorithms import PretrainingMethod
from ...datasets.bad_images import FILE_NAME
from ...engine.checkpoints import out_dir_of
from ...engine.identity import starting_files
from ...engine.unwrap import unwrapped_model
from ...utils.writing import write_text
from ..benchmark.count import count_work
from ..benchmark.data import Speed, cores_of_process, load_samples
from ..benchmark.stages import Stopwatch
from ..benchmark.step import Step
from ..common import build_runner, say
from ..doctor import examine
from ..findings import Finding, Findings, Level
from ..messages import describe, is_lost_connection
from ..parsers.preflight import run as parse_args
from ..reproduce.data_check import OF_TRAINING, missing_data
from ..torchrun import start
from ..train import check_places, is_first_process, load_training, set_whole_model
from . import plan
from .meet import check_all_reduce, open_store, roll_call
from .steps import Cost, take_steps

TIMEOUT = 60.0  # seconds that processes wait for each other
_SAMPLES = 64  # images by which the loader is measured


def main(argv: Sequence[str] | None = None) -> None:
    """Check the training that the command line describes.

    Raises:
        SystemExit: with status 1 if there is a fault.
    """
    args = vars(parse_args(argv))
    processes = args.pop('processes')
    if processes > 1 and args['launcher'] == 'none':
        words = list(sys.argv[1:] if argv is None else argv)
        words = words[1:] if words[0] == 'preflight' else words
        launch = ['--standalone', f'--nproc_per_node={processes}', '-m', 'mcl_plugins', 'preflight']
        sys.exit(start([*launch, *words, '--launcher', 'pytorch']))
    check(**args).conclude()


def check(
    config: str | Path,
    timeout: float = TIMEOUT,
    steps: int = 6,
    out: Path | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Findings:
    """Check a training, and print what is found as it is found.

    Args:
        config: a path, or a name among the package's own configs.
        timeout: seconds that processes wait for each other.
        steps: iterations at most; fewer if they are long.
        out: file for what the steps of the slowest process cost, as JSON.
        overwrite: the training is going to delete the run that its work dir may have.
        **options: arguments of :func:`~mcl_plugins.cli.train.load_training`: ``init_from``,
            ``cfg_options``, ``launcher``, ...

    Returns:
        What was found. All processes stop at the first fault that prevents the rest.
    """
    findings = Findings(silent=not is_first_process())
    with suppress(StopError):
        _check(findings, config, timeout, steps, out, overwrite, options)
    return findings


class StopError(Exception):
    """A fault that prevents the checks after it."""


def _check(
    findings: Findings,
    config: str | Path,
    timeout: float,
    steps: int,
    out: Path | None,
    overwrite: bool,
    options: dict[str, Any],
) -> None:
    store = open_store(timeout)
    if store is not None:
        rank, processes = (int(os.environ[name]) for name in ('RANK', 'WORLD_SIZE'))
        came = attempt(findings, 'processes', lambda: roll_call(store, rank, processes, timeout))
        findings.add(Finding('ok', 'processes', came))
    found = [finding for finding in examine() if finding.level != 'ok']
    findings.add(*found or [Finding('ok', 'versions', 'the installation has no fault')])
    cfg = attempt(findings, 'config', lambda: load_training(config, **options))
    attempt(findings, 'config', lambda: set_whole_model(cfg))
    findings.add(Finding('ok', 'config', str(cfg.filename)))
    files = list(check_files(cfg))
    findings.add(*files)
    attempt(findings, 'work dir', lambda: check_places(cfg, overwrite), go_on=True)
    if any(finding.level == 'fault' for finding in files):
        raise StopError
    with TemporaryDirectory(prefix='mcl_preflight_') as folder:
        runner = attempt(findings, 'config', lambda: build_runner(rehearsal(cfg, folder, timeout)))
        if runner.distributed:
            _check_communication(findings, timeout)
        cost = attempt(findings, 'training', lambda: take_steps(runner, steps))
        attempt(findings, 'processes', lambda: _report(findings, cfg, runner, cost, folder, out))


def attempt(findings: Findings, subject: str, work: Callable[[], Any], go_on: bool = False) -> Any:
    """Return what a check returns, or add what it raises to the findings.

    Args:
        findings: what has been found.
        subject: of the fault.
        work: the check.
        go_on: whether the checks that follow make sense after a fault.

    Raises:
        StopError: a fault prevents the rest.
    """
    try:
        return work()
    except StopError:
        raise
    except Exception as error:
        fault = as_fault(subject, error)
        findings.add(fault)
        if findings.silent and not is_lost_connection(error):
            say(f'process {os.environ.get("RANK")}: {fault.text}')
        if not go_on:
            raise StopError from error
    return None


def as_fault(subject: str, error: Exception) -> Finding:
    """Return the fault that an error stands for; of another process's, that it says why."""
    if isinstance(error, torch.OutOfMemoryError):
        text = f'a full batch does not fit: {str(error).splitlines()[0]}'
        remedy = (
            'half of train_dataloader.batch_size with twice optim_wrapper.accumulative_counts, or '
            'model.backbone.with_cp=True'
        )
        return Finding('fault', 'memory', text, remedy)
    if is_lost_connection(error):
        return Finding('fault', subject, 'the connection to another process is lost.')
    text = describe(error) or f'{type(error).__name__}: {error}'
    return Finding('fault', subject, text)


def check_files(config: Config) -> Iterator[Finding]:
    """Look for the data and for the weights that a training starts from.

    Test data may come after the training.
    """
    missing = missing_data({'': config}, OF_TRAINING)
    for path in missing:
        remedy = 'put the data there, or set train_dataloader.dataset.data_root'
        yield Finding('fault', 'data', f'{path} does not exist.', remedy)
    if not missing:
        root = config.train_dataloader.dataset.get('data_root') or ''
        state = 'is not looked up' if '://' in root else 'is there'
        yield Finding('ok', 'data', f'{root} {state}')
    for path in missing_data({'': config}):
        if path not in missing:
            remedy = 'put the test data there before mcl test'
            yield Finding('note', 'data', f'{path} does not exist.', remedy)
    for key, file in starting_files(config).items():
        if file and ('://' in file or Path(file).expanduser().exists()):
            yield Finding('ok', 'weights', f'{key}: {file}')
        else:
            text = f'{file} does not exist.' if file else 'no file is named.'
            yield Finding('fault', 'weights', f'{key}: {text}', f'--cfg-options {key}=FILE')


def rehearsal(config: Config, work_dir: str, timeout: float) -> Config:
    """Return the config of a training that is only begun.

    It writes to a temporary folder and to no service, its log is silent, and processes wait for
    each other no longer than ``timeout`` seconds.
    """
    begun = copy.deepcopy(config)
    begun.work_dir = work_dir
    if out_dir_of(begun):  # a short training saves its checkpoints within these steps
        begun.default_hooks.checkpoint.out_dir = None
    begun.experiment_name = Path(work_dir).name  # two of a second must not share their logs
    begun.log_level = 'ERROR'
    begun.vis_backends = [dict(type='LocalVisBackend')]
    own = config.get('visualizer') or {'type': 'Visualizer'}
    begun.visualizer = {**own, 'vis_backends': begun.vis_backends}
    begun.setdefault('env_cfg', {}).setdefault('dist_cfg', {})['timeout'] = timeout
    return begun


def _check_communication(findings: Findings, timeout: float) -> None:
    store = dist.distributed_c10d._get_default_store()
    seconds = attempt(findings, 'all-reduce', lambda: check_all_reduce(store, timeout))
    text = f'{dist.get_world_size()} processes over {dist.get_backend()}, {1000 * seconds:.0f} ms'
    findings.add(Finding('ok', 'all-reduce', text))


def _report(
    findings: Findings, config: Config, runner: Runner, cost: Cost, folder: str, out: Path | None
) -> None:
    """Add what the steps have cost, and the plan; all processes are here."""
    costs = all_gather_object(cost)
    if findings.silent:
        return
    slowest = max(costs, key=lambda part: part.step)
    findings.add(*describe_steps(slowest, costs, Path(folder, FILE_NAME)))
    batch = plan.read_batch(runner, cost.images)
    findings.add(attempt(findings, 'loader', lambda: check_loader(config, slowest)))
    own = isinstance(unwrapped_model(runner), PretrainingMethod)
    if own and 'img_size' in config.model.backbone:
        findings.add(attempt(findings, 'host syncs', lambda: check_syncs(config, cost.images)))
    findings.add(plan.compare_batch(batch, config.filename))
    if negatives := plan.describe_model(runner, cost.images):
        findings.add(negatives)
    findings.add(Finding('ok', 'time', plan.describe_time(slowest, batch.processes)))
    count, others = plan.count_checkpoints(runner), plan.count_others(runner)
    findings.add(plan.check_disk(config, count, cost.checkpoint, others))
    if out:
        content = {**asdict(slowest), 'step': slowest.step, 'processes': batch.processes}
        write_text(out, json.dumps(content))


def describe_steps(slowest: Cost, costs: Sequence[Cost], bad_images: Path) -> Iterator[Finding]:
    """Yield the speed of the steps, their memory, and images that could not be read.

    Args:
        slowest: of the process that the others wait for.
        costs: of all processes.
        bad_images: the list of the images that were replaced.
    """
    rate = slowest.images / slowest.step
    each = f'{slowest.step:.3g} s for {slowest.images} images on each process'
    text = f'{each}: {rate:.4g} images/s on each, {rate * len(costs):.4g} in all'
    yield Finding('ok', 'step', text)
    fastest = min(cost.step for cost in costs)
    if len(costs) > 1 and slowest.step > 1.3 * fastest:
        rank = costs.index(slowest)
        text = f'process {rank} takes {slowest.step / fastest:.2g} times as long as the fastest.'
        yield Finding('note', 'step', text, 'look what else runs on its device')
    memory = max(cost.memory for cost in costs)
    gib = f'{memory / plan.GIB:.3g} GiB'
    if slowest.capacity:
        share = memory / slowest.capacity
        text = f'{gib} of {slowest.capacity / plan.GIB:.3g} GiB of {slowest.device} ({share:.0%})'
        yield Finding('note' if share > 0.95 else 'ok', 'memory', text)
    else:
        yield Finding('ok', 'memory', f'{gib} of this machine for each process')
    if bad_images.is_file():
        lines = bad_images.read_text(encoding='utf-8').splitlines()
        text = f'{len(lines)} of the images could not be read, first {lines[0]!r}'
        yield Finding('note', 'data', text, 'bad_images.txt in the work dir is going to list them')


def check_loader(config: Config, cost: Cost) -> Finding:
    """Load images on one core and compare the loader with the step.

    Args:
        config: of the training.
        cost: of its steps.
    """
    loader, watch = config.train_dataloader, Stopwatch()
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpretrain')):
        samples = load_samples(loader, _SAMPLES, watch)
    stages = {name: seconds / len(samples) for name, seconds in watch.seconds.items()}
    speed = Speed(stages, cost.images / cost.step, loader.get('num_workers', 0), cores_of_process())
    verdict = speed.verdict()
    level: Level = 'ok' if verdict.startswith('Not') else 'note'
    return Finding(level, 'loader', verdict, '' if level == 'ok' else 'mcl bench data CONFIG')


def check_syncs(config: Config, images: int) -> Finding:
    """Count how often a step waits for the device, on tensors without content."""
    counts = count_work(Step(copy.deepcopy(config), images, torch.device('cpu')))
    total = counts.syncs.total()
    if not total:
        return Finding('ok', 'host syncs', 'none in a step')
    places = '\n'.join(f'{times} x {place}' for place, times in counts.syncs.most_common(3))
    text = f'a step waits {total} times for the device:\n{places}'
    return Finding('note', 'host syncs', text)
