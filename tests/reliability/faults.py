"""Faults that a config can name: a process that dies, fails or hangs, or a loader that does."""

import os
import signal
import time

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmpretrain.registry import TRANSFORMS

from mcl_plugins.engine.hooks import WatchdogHook

FOREVER = 600  # seconds


def befall(fault):
    """Let this process die, fail or hang."""
    if fault == 'dies':
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == 'fails':
        raise RuntimeError('an error of one process')
    time.sleep(FOREVER)


@HOOKS.register_module()
class Fault(Hook):
    """Befalls one of the processes in its third iteration."""

    def __init__(self, fault, rank):
        self.fault, self.rank = fault, rank

    def before_train_iter(self, runner, *_, **__):
        if runner.iter == 2 and get_rank() == self.rank:
            befall(self.fault)


@HOOKS.register_module()
class LateWatchdog(WatchdogHook):
    """Begins to look at a batch: those before it may take their time on a busy machine."""

    def __init__(self, seconds, since):
        super().__init__(seconds)
        self.since, self.looks = since, False

    def before_train(self, runner):
        self.runner = runner

    def note(self, place):
        if place.startswith(self.since) and not self.looks:
            self.looks = True
            super().before_train(self.runner)
        super().note(place)


@TRANSFORMS.register_module()
class HangingTransform:
    """Hangs from the tenth image on that a process loads."""

    loaded = 0

    def __call__(self, results):
        self.loaded += 1
        if self.loaded == 10:
            befall('hangs')
        return results


def write_config(config, **changes):
    """Write a training of many epochs that may have these faults, and return its file."""
    config = config.to_dict() | dict(
        custom_imports=dict(imports=['faults']),
        train_cfg=dict(by_epoch=True, max_epochs=300),
        **changes,
    )
    del config['experiment_name']
    config['default_hooks']['checkpoint'] = dict(
        type='mcl_plugins.CheckpointHook', interval=1, max_keep_ckpts=1
    )
    lines = [f'{name} = {value!r}\n' for name, value in config.items()]
    file = os.path.join(os.path.dirname(config['work_dir']), 'config.py')  # noqa: PTH118, PTH120
    with open(file, 'w') as opened:  # noqa: PTH123
        opened.writelines(lines)
    return file
