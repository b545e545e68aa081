"""Trainings that are killed at random moments and resumed, until they end.

    PYTHONPATH=.:tests:tests/reliability python tests/reliability/kills.py --kills 100

Each life of a training is a process (or two) of its own, which SIGKILL ends: while it starts,
loads, trains or saves. The last checkpoint is compared with that of a training that nobody killed.
"""

import argparse
import os
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from PIL import Image
from trainings import final_state, same

from conftest import SMALL
from mcl_plugins.cli.common import build_runner
from processes import FORKS, ranks_of

LIVES = 400  # so many lives without an end would be a training that does not proceed


def make_images(root):
    """Twenty-four small random images."""
    rng = np.random.default_rng(0)
    (root / 'train').mkdir(parents=True)
    for index in range(24):
        image = Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8))
        image.save(root / f'train/{index}.png')


def configure(root, by_epoch, processes):
    """Sixty iterations of the small ConMIM, in which a checkpoint is written every four."""
    loader = dict(
        batch_size=4 // processes,
        num_workers=1,
        persistent_workers=by_epoch,
        drop_last=True,
        sampler=dict(type='DefaultSampler' if by_epoch else 'InfiniteSampler', shuffle=True),
        collate_fn=dict(type='default_collate'),
        dataset=dict(
            type='mcl_plugins.ImageFolder',
            data_root=str(root),
            data_prefix='train',
            with_label=False,
            pipeline=[
                dict(type='mcl_plugins.LoadRandomResizedCrop', scale=32, flip_prob=0.5),
                dict(type='PackInputs'),
            ],
        ),
    )
    length = dict(by_epoch=True, max_epochs=10) if by_epoch else dict(by_epoch=False, max_iters=60)
    return dict(
        default_scope='mmpretrain',
        runner_type='mcl_plugins.Runner',
        model=SMALL,
        train_dataloader=loader,
        train_cfg=length,
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3), accumulative_counts=2
        ),
        param_scheduler=[dict(type='PolyLR', by_epoch=False, begin=0, end=60)],
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=7),
            checkpoint=dict(
                type='mcl_plugins.CheckpointHook', interval=4, by_epoch=False, max_keep_ckpts=2
            ),
        ),
        randomness=dict(seed=1, diff_rank_seed=True),
        log_level='ERROR',
    )


class Begun(Hook):
    """Says that the first step is about to begin."""

    def __init__(self, event):
        self.event = event

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.event.set()


def live(config, work_dir, env, event):
    """Train in this process from the newest checkpoint on."""
    os.environ.update(env)
    with Path(f'{work_dir}.log').open('ab') as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    launcher = 'pytorch' if env else 'none'
    config = Config(dict(**config, work_dir=str(work_dir), resume=True, launcher=launcher))
    runner = build_runner(config)
    runner.register_hook(Begun(event))
    runner.train()


def start(config, work_dir, processes):
    """Start a life; returns its processes and the event of its first step."""
    event = FORKS.Event()
    ranks = ranks_of(processes) if processes > 1 else [{}]
    started = [FORKS.Process(target=live, args=(config, work_dir, env, event)) for env in ranks]
    for process in started:
        process.start()
    return started, event


def train(config, work_dir, processes):
    """Train without a kill."""
    started, _ = start(config, work_dir, processes)
    for process in started:
        process.join()
        assert process.exitcode == 0


def train_and_kill(config, work_dir, processes, kills, rng):
    """Train, and kill so many lives.

    Returns:
        The number of kills that hit a life before its first step.
    """
    early, killed = 0, 0
    for _ in range(LIVES):
        started, event = start(config, work_dir, processes)
        if killed < kills:
            if rng.random() < 0.2:
                time.sleep(rng.uniform(0, 2))  # while it starts
            else:
                while not event.wait(0.05) and all(process.is_alive() for process in started):
                    pass
                time.sleep(rng.uniform(0, 0.5))
            early += not event.is_set()
        if killed < kills and all(process.is_alive() for process in started):
            killed += 1
            for process in started:
                process.kill()
        for process in started:
            process.join()
        if all(process.exitcode == 0 for process in started):
            if killed >= kills:
                return early
            # It ended before its kills were used up: what it has is checked, and it begins again.
            return early + train_and_kill(config, fresh(work_dir), processes, kills - killed, rng)
    raise AssertionError(f'{LIVES} lives, and the training has not ended')


def fresh(work_dir):
    """The work dir of the next training, beside a finished one."""
    return work_dir.with_name(f'{work_dir.name}+')


def compare(kills, seed, by_epoch, processes):
    """Train once without kills and once with them, and return the places in which they differ."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        make_images(root / 'images')
        config = configure(root / 'images', by_epoch, processes)
        train(config, root / 'whole', processes)
        early = train_and_kill(config, root / 'killed', processes, kills, random.Random(seed))
        ends = [end for end in sorted(root.glob('killed*')) if end.is_dir()]
        whole = final_state(root / 'whole')
        differing = [place for end in ends for place in same(whole, final_state(end))]
    return early, len(ends), differing


def main():
    """Kill trainings by epochs and by iterations, of one process and of two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=100, help='number of kills in all')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    kinds = [(by_epoch, processes) for processes in (1, 2) for by_epoch in (True, False)]
    failed = False
    for index, (by_epoch, processes) in enumerate(kinds):
        kills = args.kills // 4 + (index < args.kills % 4)
        begun = time.monotonic()
        early, ends, differing = compare(kills, args.seed + index, by_epoch, processes)
        failed |= bool(differing)
        print(
            f'{"epochs" if by_epoch else "iterations"}, {processes} process(es): {kills} kills '
            f'({early} before the first step of a life), {ends} training(s), '
            f'{len(differing)} differences, {time.monotonic() - begun:.0f} s',
            *differing[:5],
            sep='\n  ',
            flush=True,
        )
    sys.exit(failed)


if __name__ == '__main__':
    main()
