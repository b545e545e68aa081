"""MMEngine's Runner with a readable console, honest learning rates and strict loading."""

from __future__ import annotations

import logging
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import master_only
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop
from mmengine.runner import Runner as _Runner
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import distributed as dist
from torch import nn

from ..checkpoint.files import whole_file
from ..checkpoint.latest import find_checkpoint
from ..checkpoint.sources import load_checkpoint
from ..registry import RUNNERS
from ..targets.frozen_teacher import FrozenTeacher
from .batches import check_epoch, images_per_process
from .hooks import ScheduleHook
from .hooks.unwrap import unwrapped_model


class ConsoleFilter(logging.Filter):
    """Keep long texts (environment, config, hook lists) and noise out of the console.

    They stay in the log file. Warnings pass, but for two about MMEngine's own checkpoint hook.
    """

    noise = (
        'paramwise_options',
        'Exp name:',
        'Distributed training is not used',
        '"FileClient" will be deprecated',
        '"HardDiskBackend" is the alias',
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is printed."""
        message = record.getMessage()
        short = message.count('\n') < 6 or record.levelno >= logging.WARNING
        return short and not message.startswith(self.noise)


@RUNNERS.register_module()
class Runner(_Runner):
    """The Runner that ``tools/train.py`` and ``tools/test.py`` use; same config as MMEngine's.

    - Without a GPU, processes talk over gloo instead of the config's backend.
    - The console shows progress; environment, config and hook lists go to the log file.
    - ``auto_scale_lr`` counts gradient accumulation and says what the rate came to.
    - A checkpoint is read without executing anything in it and written to a temporary file that
      is renamed. One that does not fit the model stops the run instead of loading in part, and so
      does resuming on another schedule.
    - Resuming without a file goes on from the newest checkpoint in the work dir that is whole.
    """

    _load_from: str | None

    def build_message_hub(self, message_hub: dict | None = None) -> MessageHub:
        """MMEngine's hub; ``mcl_plugins_runner`` in it tells a model that this Runner trains it."""
        hub = super().build_message_hub(message_hub)
        hub.update_info('mcl_plugins_runner', True, resumed=False)
        return hub

    def setup_env(self, env_cfg: dict) -> None:
        """MMEngine's, which insists on an accelerator in each process, made to work on CPUs.

        Raises:
            ValueError: started on CPUs by a launcher other than torchrun.
        """
        if self.distributed and not torch.cuda.is_available() and not dist.is_initialized():
            if self.launcher != 'pytorch':
                raise ValueError(
                    f'--launcher {self.launcher} found no GPU on {platform.node()}; CPU processes '
                    'are started with tools/dist_train.sh.'
                )
            dist.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """MMEngine's, which names a GPU for each process, made to work on CPUs."""
        if not self.distributed or torch.cuda.is_available() or model_wrapper_cfg is not None:
            return super().wrap_model(model_wrapper_cfg, model)
        return MMDistributedDataParallel(
            module=model,
            broadcast_buffers=False,
            find_unused_parameters=self.cfg.get('find_unused_parameters', False),
        )

    def train(self) -> nn.Module:
        """Train as MMEngine does, after a check that a frozen teacher's checkpoint exists.

        MMEngine would read that file only once the data set has been listed.

        Raises:
            FileNotFoundError: the frozen teacher's checkpoint does not exist.
        """
        for module in self.model.modules():
            if isinstance(module, FrozenTeacher):
                module.check_checkpoint()
        return super().train()

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register MMEngine's hooks, and the guard of schedules unless the config names it."""
        super().register_hooks(*args, **kwargs)
        if not any(isinstance(hook, ScheduleHook) for hook in self.hooks):
            self.register_hook(ScheduleHook())

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the loop as MMEngine does, and check that an epoch has an iteration.

        Raises:
            ValueError: there are fewer images than a batch takes.
        """
        loop = super().build_train_loop(loop)
        check_epoch(loop.dataloader, self.world_size)
        return loop

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """MMEngine's logger, with the console kept readable."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(ConsoleFilter())
        return logger

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedulers as MMEngine does, and explain the error if one has no iteration.

        Raises:
            ValueError: a schedule has no iteration.
        """
        try:
            return super().build_param_scheduler(scheduler)
        except ValueError as error:
            raise ValueError(
                f'param_scheduler: {error}. If it states parts of an epoch, the data set may be '
                'too small for them: set its begin and end to whole epochs, for example '
                'param_scheduler.0.end=1 and param_scheduler.1.begin=1.'
            ) from error

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate by effective batch size over ``base_batch_size``.

        The effective batch is processes x batch size x gradient accumulation; MMEngine leaves
        out the last.
        """
        if not auto_scale_lr or not auto_scale_lr.get('enable', False):
            return
        batch = images_per_process(self._train_dataloader)
        accumulation = optim_wrapper._accumulative_counts
        effective = self.world_size * batch * accumulation
        base = auto_scale_lr['base_batch_size']
        # The wrapper's groups are the optimizer's and one more, which the log shows as base_lr.
        for group in optim_wrapper.param_groups:
            group['lr'] *= effective / base
        rate = optim_wrapper.optimizer.defaults['lr'] * effective / base
        self.logger.info(
            f'Effective batch {effective} = {self.world_size} processes x {batch} images x '
            f'{accumulation} accumulated; peak learning rate {rate:.3g} '
            f'({effective / base:.3g} times the rate stated for a batch of {base}).'
        )

    def load_or_resume(self) -> None:
        """Load or resume as MMEngine does; without a file, from the newest whole checkpoint.

        MMEngine reads ``last_checkpoint`` and looks no further: an empty one starts a training
        anew, over its own checkpoints, and the path in it is that of a folder that may have been
        moved.

        Raises:
            ValueError: something was trained, and no checkpoint of it can be read.
        """
        if self._resume and self._load_from is None and not self._has_loaded:
            self._load_from = find_checkpoint(self.work_dir)
            if self._load_from is None:
                self.logger.info(f'Nothing was trained in {self.work_dir} yet; starting anew.')
                return
        super().load_or_resume()

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: Sequence[tuple[str, str]] = ((r'^module\.', ''),),
    ) -> dict:
        """Load a whole model, from a file in which nothing is executed.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is a checkpoint of another model or none, or no file is named.
        """
        if not filename:
            raise ValueError(
                'load_from is empty: this config starts from a checkpoint of the whole model; '
                'give it with --cfg-options load_from=work_dirs/.../epoch_100.pth'
            )
        checkpoint = load_checkpoint(filename, map_location)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = unwrapped_model(self)
        try:
            _load_checkpoint_to_model(model, checkpoint, strict, revise_keys=revise_keys)
        except RuntimeError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ValueError(
                f'{filename} does not fit the {type(model).__name__} of this config; is it a '
                'checkpoint of another architecture? To start an encoder from a pre-training '
                'file use model.backbone.init_cfg instead.\n' + '\n'.join(lines[:12])
            ) from error
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    @master_only
    def save_checkpoint(
        self, out_dir: str, filename: str, file_client_args: dict | None = None, **kwargs: Any
    ) -> None:
        """Save as MMEngine does, but give a local file its name only when it is written whole.

        MMEngine writes in place: a run that is killed while it saves leaves half a file.
        """
        if '://' in out_dir or file_client_args or kwargs.get('backend_args'):
            super().save_checkpoint(out_dir, filename, file_client_args, **kwargs)
            return
        with whole_file(Path(out_dir, filename)) as temporary:
            super().save_checkpoint(out_dir, temporary.name, **kwargs)
