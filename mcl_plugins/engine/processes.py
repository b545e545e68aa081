"""The part of the Runner that sets up processes, and ends them together."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import Runner
from torch import distributed as dist
from torch import nn

from .hooks import PreemptionHook, WatchdogHook
from .run_lock import hold

# Registered if the config lists none of the kind.
GUARDS = (
    PreemptionHook,  # a signal stops after the step, with a checkpoint
    WatchdogHook,  # a process that hangs says where, and ends
)


class ProcessesRunner(Runner):
    """MMEngine's Runner, whose processes need no GPU, and which end together."""

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment, with gloo if there is no GPU.

        MMEngine requires an accelerator in each process.

        Raises:
            ValueError: processes without a GPU were started by another launcher than torchrun or
                Slurm.
        """
        if self.distributed and not torch.cuda.is_available() and not dist.is_initialized():
            if self.launcher == 'slurm':
                name_processes_of_slurm()
            elif self.launcher != 'pytorch':
                raise ValueError(
                    f'--launcher {self.launcher} found no GPU on {platform.node()}; start CPU '
                    'processes with tools/dist_train.sh.'
                )
            seconds = env_cfg.get('dist_cfg', {}).get('timeout')
            timeout = None if seconds is None else timedelta(seconds=seconds)
            dist.init_process_group('gloo', timeout=timeout)
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model in DDP, without a device if there is no GPU.

        MMEngine assigns a GPU to each process. Gradients are views of the buckets that are sent, so
        they are in memory once, and no step copies them.
        """
        if not self.distributed or model_wrapper_cfg is not None or is_model_wrapper(model):
            return super().wrap_model(model_wrapper_cfg, model)
        options = dict(
            broadcast_buffers=False,
            find_unused_parameters=self.cfg.get('find_unused_parameters', False),
            gradient_as_bucket_view=True,
        )
        if torch.cuda.is_available():
            return super().wrap_model(dict(type='MMDistributedDataParallel', **options), model)
        return MMDistributedDataParallel(module=model, **options)

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register the hooks, and those that guard the processes if the config lists none."""
        super().register_hooks(*args, **kwargs)
        for kind in GUARDS:
            if not any(isinstance(hook, kind) for hook in self.hooks):
                self.register_hook(kind())

    def train(self) -> nn.Module:
        """Train the model, as the only training in its work dir.

        Raises:
            ValueError: another training writes to the work dir.
            Stopped: a signal has asked for it; the checkpoint is written.
        """
        with hold_on_main_process(self.work_dir):
            try:
                return super().train()
            finally:
                for hook in self.hooks:
                    if isinstance(hook, GUARDS):
                        hook.close()


def name_processes_of_slurm() -> None:
    """Set torchrun's variables from those of Slurm, as MMEngine does for processes with a GPU."""
    hosts = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
    first = subprocess.run(hosts, capture_output=True, text=True, check=True).stdout.split()[0]
    os.environ.setdefault('MASTER_ADDR', first)
    os.environ.setdefault('MASTER_PORT', '29500')  # MMEngine's
    for name, theirs in (('RANK', 'PROCID'), ('WORLD_SIZE', 'NTASKS'), ('LOCAL_RANK', 'LOCALID')):
        os.environ[name] = os.environ[f'SLURM_{theirs}']


@contextmanager
def hold_on_main_process(work_dir: str) -> Iterator[None]:
    """Hold the lock of the work dir in process 0; its error is raised in all processes."""
    with ExitStack() as stack:
        refusal: list[Exception | None] = [None]
        if is_main_process():
            try:
                stack.enter_context(hold(work_dir))
            except (ValueError, OSError) as error:
                refusal = [error]
        broadcast_object_list(refusal)
        if refusal[0] is not None:
            raise refusal[0]
        yield
