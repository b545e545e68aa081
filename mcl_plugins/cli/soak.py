"""Train a tiny network for thousands of steps and state what memory and files grow.

    mcl soak [--steps 2000] [--work-dir work_dirs/soak]

The training is the quickstart's ConMIM on 256 random images, with two workers, TensorBoard, a probe
and a checkpoint every few epochs. The table is printed and written to ``soak.md`` in the work dir.
The growth is fitted to the second half of the steps, when caches are full. The exit status is 1 if
processes, threads or descriptors grow, or memory by more than 10 MB per 1,000 steps.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image

from ..utils.processes import child_processes
from ..utils.writing import write_text
from . import markdown
from .common import build_runner
from .parsers.general import soak as parse_args
from .train import configure

IMAGES, BATCH = 256, 16
EVERY = 20  # steps between two samples
SAVE = 5  # epochs between two checkpoints, and between two probes
WARM_UP = 0.5  # fraction of the steps that the fit leaves out

# Name of a quantity -> its unit, and how much it may grow in 1,000 steps.
QUANTITIES = {
    'memory of the process': ('MB', 10.0),
    'memory of the workers': ('MB', 10.0),
    'processes': ('', 0.1),
    'threads': ('', 0.1),
    'descriptors': ('', 0.1),
    'newest checkpoint': ('kB', None),
    'checkpoints kept': ('', 0.1),
    'log': ('kB', None),
    'scalars.json': ('kB', None),
    'TensorBoard': ('kB', None),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the table, and exit with status 1 if something grows that should not."""
    args = parse_args(argv)
    if not Path('/proc/self').is_dir():
        raise ValueError('mcl soak reads memory and descriptors from /proc, which Linux has.')
    samples = soak(args.work_dir, args.steps)
    rows = measure(samples)
    table = format_table(rows, samples)
    write_text(args.work_dir / 'soak.md', table)
    print(table)
    growing = [name for name, row in rows.items() if row['grows']]
    if growing:
        print(f'grows: {", ".join(growing)}', file=sys.stderr)
    sys.exit(1 if growing else 0)


def soak(work_dir: Path, steps: int) -> list[dict[str, float]]:
    """Train for a number of steps; returns the samples that were taken."""
    runner = build_runner(soak_config(work_dir, steps))
    sampler = SampleHook()
    runner.register_hook(sampler)
    runner.train()
    return sampler.samples


def soak_config(work_dir: Path, steps: int) -> Config:
    """Write the images and return the config of the training."""
    images = work_dir / 'images'
    write_images(images)
    config = configure('quickstart/conmim.py', work_dir=str(work_dir / 'run'), overwrite=True)
    loader: dict[str, Any] = config.train_dataloader
    loader.update(batch_size=BATCH, num_workers=2, persistent_workers=True)
    loader['dataset'].update(data_root=str(images))
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='CenterCrop', crop_size=32),
        dict(type='PackInputs'),
    ]
    labelled = dict(
        batch_size=64,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='mcl_plugins.default_collate'),
        dataset=dict(
            type='mcl_plugins.ImageFolder',
            data_root=str(images),
            data_prefix='train',
            pipeline=pipeline,
        ),
    )
    probe = dict(
        type='mcl_plugins.ProbeHook',
        train_dataloader=labelled,
        val_dataloader=labelled,
        interval=SAVE,
        linear=dict(epochs=2),
    )
    config.custom_hooks = [*config.get('custom_hooks', []), probe]
    config.default_hooks.checkpoint.update(interval=SAVE, max_keep_ckpts=2)
    config.default_hooks.logger.update(interval=10)
    config.train_cfg.max_epochs = -(-steps // (IMAGES // BATCH))
    return config


def write_images(root: Path) -> None:
    """Write random images of two classes below ``root/train``, unless they are there."""
    rng = np.random.default_rng(0)
    for index in range(IMAGES):
        file = root / 'train' / str(index % 2) / f'{index}.jpg'
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)


class SampleHook(Hook):
    """Sample what the process and its files take, every few steps."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.samples: list[dict[str, float]] = []
        self._start = time.monotonic()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Take a sample."""
        if self.every_n_train_iters(runner, EVERY):
            seconds = time.monotonic() - self._start
            sample = {'step': runner.iter + 1, 'seconds': seconds}
            files = sample_files(Path(runner.work_dir), Path(runner.log_dir))
            self.samples.append({**sample, **sample_processes(), **files})


def sample_processes() -> dict[str, float]:
    """Return memory, threads and descriptors of this process, and of the workers that it has."""
    workers = child_processes()
    status = _status('self')
    return {
        'memory of the process': status['VmRSS'] / 1024,
        'memory of the workers': sum(_status(pid).get('VmRSS', 0) for pid in workers) / 1024,
        'processes': 1 + len(workers),
        'threads': status['Threads'],
        'descriptors': len(list(Path('/proc/self/fd').iterdir())),
    }


def _status(pid: int | str) -> dict[str, float]:
    """Return the numbers of ``/proc/PID/status``; nothing for a process that has ended."""
    try:
        lines = Path('/proc', str(pid), 'status').read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(':')[::2] for line in lines)
    words = {name: value.split() for name, value in pairs}
    return {name: float(value[0]) for name, value in words.items() if _is_number(value)}


def _is_number(words: list[str]) -> bool:
    return bool(words) and words[0].isdecimal()


def sample_files(work_dir: Path, log_dir: Path) -> dict[str, float]:
    """Return the sizes of a run's files."""
    checkpoints = sorted(work_dir.glob('epoch_*.pth'), key=lambda file: file.stat().st_mtime)
    newest = checkpoints[-1].stat().st_size if checkpoints else 0

    def size(pattern: str) -> float:
        return sum(file.stat().st_size for file in log_dir.rglob(pattern)) / 1000

    return {
        'newest checkpoint': newest / 1000,
        'checkpoints kept': len(checkpoints),
        'log': size('*.log'),
        'scalars.json': size('*.json'),
        'TensorBoard': size('events.out.tfevents.*'),
    }


def measure(samples: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Fit the growth of each quantity after the warm-up.

    Args:
        samples: dicts with ``step`` and the quantities.

    Returns:
        For each quantity ``first`` and ``last`` (after the warm-up and at the end), ``growth`` per
        1,000 steps, and whether it ``grows`` more than it may.

    Example:
        >>> base = dict.fromkeys(QUANTITIES, 1.0)
        >>> samples = [{**base, 'step': step, 'threads': 1 + step / 100} for step in range(400)]
        >>> rows = measure(samples)
        >>> round(rows['threads']['growth'], 6), rows['threads']['grows'], rows['log']['grows']
        (10.0, True, False)
    """
    kept = [entry for entry in samples if entry['step'] >= WARM_UP * samples[-1]['step']]
    steps = np.array([entry['step'] for entry in kept])
    rows = {}
    for name, (_, limit) in QUANTITIES.items():
        values = np.array([entry[name] for entry in kept])
        growth = float(np.polyfit(steps, values, 1)[0]) * 1000
        rows[name] = {
            'first': float(values[0]),
            'last': float(values[-1]),
            'growth': growth,
            'grows': limit is not None and growth > limit,
        }
    return rows


def format_table(rows: dict[str, dict[str, Any]], samples: list[dict[str, float]]) -> str:
    """Return the Markdown table of the quantities."""
    last = samples[-1]
    half = next(s['step'] for s in samples if s['step'] >= WARM_UP * last['step'])
    columns = ['', f'step {half:,.0f}', f'step {last["step"]:,.0f}', 'growth per 1,000 steps']
    lines = [
        f'`mcl soak --steps {last["step"]:.0f}`: {last["step"]:,.0f} steps in '
        f'{last["seconds"]:.0f} s.',
        '',
        markdown.row(columns),
        markdown.row(['---', '---:', '---:', '---:']),
    ]
    for name, row in rows.items():
        unit = QUANTITIES[name][0]
        named = f'{name}, {unit}' if unit else name
        numbers = (f'{row[key]:,.1f}' for key in ('first', 'last', 'growth'))
        lines.append(markdown.row([named, *numbers]))
    return '\n'.join(lines) + '\n'
