"""Small trainings that are stopped and resumed, and the complete state in which they end."""

import copy
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.visualization import Visualizer

from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.engine import Runner

CLOCKS = ('time', 'data_time', 'eta', 'memory')


class StoppedError(Exception):
    """The training is ended here, as by a signal that nothing can catch."""


class StopAt(Hook):
    """Ends a training at an iteration: after its step, and after what was to be saved.

    If ``validation`` is true, within the first validation after so many iterations.
    """

    priority = 'LOWEST'

    def __init__(self, iteration, validation=False):
        self.iteration = iteration
        self.validation = validation

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.iteration and not self.validation:
            raise StoppedError

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.iteration and self.validation:
            raise StoppedError


class Seen(Hook):
    """Notes for each step which images it was given, and which random numbers it would draw."""

    priority = 'LOWEST'

    def __init__(self):
        self.steps = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        inputs = data_batch['inputs']
        images = inputs if isinstance(inputs, torch.Tensor) else torch.stack(list(inputs))
        state = torch.get_rng_state()
        self.steps[runner.iter] = (images.double().sum().item(), torch.rand(1).item())
        torch.set_rng_state(state)


def run(config, work_dir, stop_at=None, resume=False, validation=False):
    """Train, in a new Runner, from the beginning or from the newest checkpoint of the folder.

    Args:
        config: of the training.
        work_dir: its folder.
        stop_at: after how many iterations it is stopped.
        resume: whether it goes on.
        validation: whether it is stopped in the validation that follows.

    Returns:
        What each step saw, by its number.
    """
    config = copy.deepcopy(config)
    config.work_dir, config.resume = str(work_dir), resume
    config.experiment_name = f'{Path(work_dir).name}-{stop_at}-{np.random.randint(2**30)}'
    for kind in (MessageHub, Visualizer, MMLogger):
        kind._instance_dict.clear()  # of the process that was stopped
    torch.manual_seed(17 if resume else 5)  # another process has other generators
    np.random.seed(17 if resume else 5)
    runner = Runner.from_cfg(config)
    seen = Seen()
    runner.register_hook(seen)
    if stop_at is not None:
        runner.register_hook(StopAt(stop_at, validation))
    with suppress(StoppedError):
        runner.train()
    workers = runner.train_dataloader._iterator
    if workers is not None:
        workers._shutdown_workers()
    MMLogger.get_instance('tests', log_level='ERROR')
    return seen.steps


def final_state(work_dir):
    """The content of the newest checkpoint that does not depend on clocks and folders."""
    file = work_dir / (work_dir / 'last_checkpoint').read_text().strip().split('/')[-1]
    content = load_file(file)
    hub = content['message_hub']
    scalars = {
        name: (buffer._log_history, buffer._count_history)
        for name, buffer in hub['log_scalars'].items()
        if not name.endswith(CLOCKS)
    }
    assert zipfile.is_zipfile(file)
    parts = ('state_dict', 'optimizer', 'param_schedulers')
    progress = {name: content['meta'][name] for name in ('epoch', 'iter', 'seed')}
    return {**{name: content.get(name) for name in parts}, 'log': scalars, 'meta': progress}


def same(first, second, place=''):
    """The places in which two states differ, bit by bit."""
    if isinstance(first, dict):
        assert isinstance(second, dict)
        if first.keys() != second.keys():
            return [f'{place}: {sorted(map(str, first.keys() ^ second.keys()))}']
        return [d for key in first for d in same(first[key], second[key], f'{place}.{key}')]
    if isinstance(first, list | tuple):
        if len(first) != len(second):
            return [f'{place}: {len(first)} and {len(second)} parts']
        pairs = enumerate(zip(first, second, strict=True))
        return [d for index, (a, b) in pairs for d in same(a, b, f'{place}.{index}')]
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [place]
    if isinstance(first, np.ndarray):
        return [] if np.array_equal(first, second) else [place]
    return [] if first == second else [f'{place}: {first} and {second}']
