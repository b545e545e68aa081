"""Run one stage of a chain: in this process, or by the package's own commands on many."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...checkpoint.latest import find_checkpoint
from ..evaluate.retrieval import evaluate_retrieval
from ..parsers.options import write_option
from ..test import test
from ..train import train

SETS = ('roxford5k', 'rparis6k')


@dataclass(frozen=True)
class Launch:
    """How trainings are started.

    Attributes:
        processes: processes of this machine; 0 for none of their own, so everything runs in this
            process. ``NNODES``, ``NODE_RANK``, ``MASTER_ADDR`` and ``PORT`` are those of
            ``tools/dist_train.sh``.
        slurm: partition in which ``srun`` starts them; '' for none. The environment variables are
            those of ``tools/slurm_train.sh``.
    """

    processes: int = 0
    slurm: str = ''

    @property
    def total(self) -> int:
        """Processes of all machines."""
        if self.slurm:
            return int(os.environ.get('GPUS', self.processes))
        return max(1, self.processes) * int(os.environ.get('NNODES', '1'))


def run_training(
    config: Path, work_dir: Path, options: dict[str, Any], launch: Launch, report: bool = True
) -> Path:
    """Train, or continue the training in ``work_dir``, to its end.

    Args:
        config: of the training.
        work_dir: its folder.
        options: options of the config, by dotted name.
        launch: processes.
        report: write the page of the run, which takes longer than a shrunken training; several
            processes always do.

    Returns:
        Its last checkpoint.

    Raises:
        SystemExit: the training was stopped, or has failed in another process; its status.
    """
    if not launch.processes:
        train(config, report, work_dir=str(work_dir), resume='auto', cfg_options=dict(options))
    else:
        words = [str(config), '--work-dir', str(work_dir), '--resume', *_as_words(options)]
        _call(_command('train', words, launch))
    checkpoint = find_checkpoint(work_dir)
    assert checkpoint is not None, f'{work_dir} has no checkpoint after its training.'
    return Path(checkpoint)


def run_test(
    config: Path,
    checkpoint: Path,
    work_dir: Path,
    options: dict[str, Any],
    tta: bool,
    launch: Launch,
) -> dict[str, float]:
    """Evaluate the last checkpoint of a training on its test set; return the metrics."""
    if not launch.processes:
        return test(
            config, checkpoint, work_dir=str(work_dir / 'test'), cfg_options=dict(options), tta=tta
        )
    out = work_dir / 'test.json'
    words = [str(config), str(checkpoint), '--work-dir', str(work_dir / 'test')]
    words += ['--out', str(out), '--out-item', 'metrics', *(['--tta'] if tta else [])]
    _call(_command('test', [*words, *_as_words(options)], launch))
    return json.loads(out.read_text())


def run_preflight(config: Path, out: Path, options: dict[str, Any], launch: Launch) -> None:
    """Begin a training, with all of its checks, in processes of its own; write what it costs.

    Raises:
        SystemExit: there is a fault, which was printed.
    """
    words = [str(config), '--work-dir', str(out.with_suffix('')), '--out', str(out)]
    one_or_more = replace(launch, processes=max(1, launch.processes))
    _call(_command('preflight', [*words, *_as_words(options)], one_or_more))


def run_retrieval(config: Path, checkpoint: Path, data: Path, work_dir: Path) -> dict[str, float]:
    """Evaluate features on revisited Oxford and Paris by DINO's protocol, in this process.

    Args:
        config: of a classifier.
        checkpoint: whose encoder is evaluated.
        data: folder of both sets.
        work_dir: folder for the log.
    """
    return {
        f'{name} {key}': value
        for name in SETS
        for key, value in evaluate_retrieval(
            config, checkpoint, data / name, protocol='dino', work_dir=work_dir
        ).items()
    }


def _as_words(options: dict[str, Any]) -> list[str]:
    words = [f'{key}={write_option(value)}' for key, value in options.items()]
    return ['--cfg-options', *words] if words else []


def _command(name: str, words: Sequence[str], launch: Launch) -> list[str]:
    """The command line of a training or a test on several processes."""
    module = ['-m', 'mcl_plugins', name, *words]
    if launch.slurm:
        tasks = launch.total
        per_node = min(tasks, int(os.environ.get('GPUS_PER_NODE', '8')))
        return [
            *('srun', '-p', launch.slurm, f'--ntasks={tasks}', f'--ntasks-per-node={per_node}'),
            *(f'--gres=gpu:{per_node}', f'--cpus-per-task={os.environ.get("CPUS_PER_TASK", "10")}'),
            *('--kill-on-bad-exit=1', *shlex.split(os.environ.get('SRUN_ARGS', ''))),
            *(sys.executable, '-u', *module, '--launcher', 'slurm'),
        ]
    if launch.processes == 1 and os.environ.get('NNODES', '1') == '1':
        return [sys.executable, *module]
    return [
        *(sys.executable, '-m', 'mcl_plugins', 'torchrun'),
        f'--nnodes={os.environ.get("NNODES", "1")}',
        f'--node_rank={os.environ.get("NODE_RANK", "0")}',
        f'--nproc_per_node={launch.processes}',
        f'--master_addr={os.environ.get("MASTER_ADDR", "127.0.0.1")}',
        f'--master_port={os.environ.get("PORT", "29500")}',
        *(*module, '--launcher', 'pytorch'),
    ]


def _call(command: Sequence[str]) -> None:
    """Run a command; hand signals on to it, and end with its status unless that is 0."""
    with subprocess.Popen(command) as process:
        before = {
            number: signal.signal(number, lambda received, _: process.send_signal(received))
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
        }
        try:
            status = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if status:
        raise SystemExit(status if status > 0 else 128 - status)
