"""MMEngine's Runner with a short console log, effective-batch learning rates and strict loading."""

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
from mmengine.runner import BaseLoop, EpochBasedTrainLoop
from mmengine.runner import Runner as _Runner
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import distributed as dist
from torch import nn

from ..checkpoint.files import atomic_write, extract_state_dict
from ..checkpoint.latest import find_checkpoint
from ..checkpoint.sources import load_checkpoint
from ..checkpoint.whole_model import (
    check_classes,
    class_layers,
    load_but_classes,
    other_classes_error,
    source_of,
)
from ..registry import RUNNERS
from ..targets.frozen_teacher import FrozenTeacher
from .annotation_file import check_annotation_file
from .batches import check_batches, check_epoch, images_per_process
from .hooks import BatchNormHook, ClassCountHook, IdentityHook, SampleCheckHook, ScheduleHook
from .hooks.unwrap import unwrapped_model
from .message_hub import readable_only
from .warm_up import describe_short_training
from .widths import check_widths


class ConsoleFilter(logging.Filter):
    """Keep long texts (environment, config, hook lists) and noise out of the console.

    The log file still contains them. Tables of results are printed, whatever their length.
    Warnings are printed, except two that MMEngine's own checkpoint hook causes.

    Example:
        >>> record = logging.makeLogRecord({'msg': 'Exp name: vit-b', 'levelno': logging.INFO})
        >>> ConsoleFilter().filter(record)
        False
    """

    # Results: tables of the classes, and COCO's list of precisions and recalls.
    results = ('+-', '+=', '| ', 'Average Precision', 'Average Recall')
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
        shown = short or message.lstrip().startswith(self.results)
        return shown and not message.startswith(self.noise)


@RUNNERS.register_module()
class Runner(_Runner):
    """The Runner of ``tools/train.py`` and ``tools/test.py``; its config is that of MMEngine's.

    - Without a GPU, processes communicate over gloo instead of the config's backend.
    - The console shows progress; environment, config and hook lists are only in the log file.
    - ``auto_scale_lr`` includes gradient accumulation and logs the resulting learning rate.
    - A checkpoint is read without executing anything in it. It is written to a temporary file,
      which is then renamed.
    - A checkpoint that does not fit the model raises an error instead of being loaded in part.
      Resuming with another schedule, or a checkpoint of another training, raises an error, too.
    - Resuming without naming a file continues from the newest complete checkpoint in the work dir.
    """

    _load_from: str | None

    def build_message_hub(self, message_hub: dict | None = None) -> MessageHub:
        """Build the message hub; models and hooks read ``mcl_plugins_runner`` from it."""
        hub = super().build_message_hub(message_hub)
        hub.update_info('mcl_plugins_runner', True, resumed=False)
        return hub

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment, with gloo if there is no GPU.

        MMEngine requires an accelerator in each process.

        Raises:
            ValueError: processes without a GPU were started by a launcher other than torchrun.
        """
        if self.distributed and not torch.cuda.is_available() and not dist.is_initialized():
            if self.launcher != 'pytorch':
                raise ValueError(
                    f'--launcher {self.launcher} found no GPU on {platform.node()}; start CPU '
                    'processes with tools/dist_train.sh.'
                )
            dist.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model in DDP, without a device if there is no GPU.

        MMEngine assigns a GPU to each process.
        """
        if not self.distributed or torch.cuda.is_available() or model_wrapper_cfg is not None:
            return super().wrap_model(model_wrapper_cfg, model)
        return MMDistributedDataParallel(
            module=model,
            broadcast_buffers=False,
            find_unused_parameters=self.cfg.get('find_unused_parameters', False),
        )

    def train(self) -> nn.Module:
        """Train the model, after a look at the widths of its parts.

        MMEngine reads checkpoints only after it has built the data set. The checkpoint of a frozen
        teacher is looked for before that, so that a wrong path is reported at once, and that of
        ``load_from`` is compared with the classes of the model.

        Raises:
            FileNotFoundError: the frozen teacher's checkpoint does not exist.
            ValueError: ``load_from`` was trained on other classes, or neck or head are of another
                width than the encoder.
        """
        check_widths(unwrapped_model(self))
        for module in self.model.modules():
            if isinstance(module, FrozenTeacher):
                module.check_checkpoint()
        if self._load_from and not self._resume:
            check_classes(unwrapped_model(self), self._load_from)
        return super().train()

    def _init_model_weights(self) -> None:
        """Initialise the weights, from a whole model if ``model.init_cfg`` names one.

        MMEngine only warns about tensors that do not fit.

        Raises:
            ValueError: it differs in more than the layers of the classes.
        """
        model = unwrapped_model(self)
        source = source_of(model)
        if source is not None:
            model.init_cfg = None
        super()._init_model_weights()
        if source is not None:
            load_but_classes(model, source)

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register the hooks, and those that check the settings if the config lists none."""
        super().register_hooks(*args, **kwargs)
        for kind in (IdentityHook, ScheduleHook, ClassCountHook, BatchNormHook, SampleCheckHook):
            if not any(isinstance(hook, kind) for hook in self.hooks):
                self.register_hook(kind())

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the training loop and check the number and the sizes of an epoch's batches.

        Raises:
            ValueError: the images do not fill one batch, or a batch is too small for the model.
        """
        loop = super().build_train_loop(loop)
        check_epoch(loop.dataloader, self.world_size)
        check_batches(loop.dataloader, unwrapped_model(self), self.world_size)
        return loop

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the validation loop.

        Raises:
            ValueError: the evaluator reads another annotation file than the data set.
        """
        loop = super().build_val_loop(loop)
        check_annotation_file(loop.dataloader.dataset, self._val_evaluator, 'val')
        return loop

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the test loop.

        Raises:
            ValueError: the evaluator reads another annotation file than the data set.
        """
        loop = super().build_test_loop(loop)
        check_annotation_file(loop.dataloader.dataset, self._test_evaluator, 'test')
        return loop

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, with a :class:`ConsoleFilter` on its console handlers."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(ConsoleFilter())
        return logger

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the schedulers of learning rate and momentum.

        Raises a readable error when the training ends before its warm-up, and when a schedule
        stated as a fraction of an epoch rounds to zero iterations.

        Raises:
            ValueError: a schedule has no iteration.
        """
        by_epoch = isinstance(self.train_loop, EpochBasedTrainLoop)
        length = (self.max_epochs, None) if by_epoch else (None, self.max_iters)
        short = describe_short_training(scheduler, *length)
        try:
            built = super().build_param_scheduler(scheduler)
            if short:  # MMEngine takes it where the later schedule states its end
                self.logger.warning(short)
            return built
        except ValueError as error:
            if short:
                raise ValueError(short) from error
            raise ValueError(
                f'param_scheduler: {error}. If a schedule begins or ends within an epoch, the data '
                'set may be too small for it. Set its begin and end to whole epochs, for example '
                'param_scheduler.0.end=1 and param_scheduler.1.begin=1.'
            ) from error

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Multiply the learning rate by effective batch size / ``base_batch_size``.

        The effective batch size is processes x batch size x gradient accumulation. MMEngine ignores
        gradient accumulation.
        """
        if not auto_scale_lr or not auto_scale_lr.get('enable', False):
            return
        batch = images_per_process(self._train_dataloader)
        accumulation = optim_wrapper._accumulative_counts
        effective = self.world_size * batch * accumulation
        base = auto_scale_lr['base_batch_size']
        # The wrapper has one more group than the optimizer; the log shows it as base_lr.
        for group in optim_wrapper.param_groups:
            group['lr'] *= effective / base
        rate = optim_wrapper.optimizer.defaults['lr'] * effective / base
        self.logger.info(
            f'Effective batch {effective} = {self.world_size} processes x {batch} images x '
            f'{accumulation} accumulated; peak learning rate {rate:.3g} '
            f'({effective / base:.3g} times the learning rate stated for a batch of {base}).'
        )

    def load_or_resume(self) -> None:
        """Load or resume; without a named file, resume from the newest complete checkpoint.

        MMEngine only reads the file ``last_checkpoint``. If that is empty, MMEngine starts a new
        training that overwrites the old checkpoints; if the folder was moved, the path in it is
        wrong. See :func:`mcl_plugins.checkpoint.latest.find_checkpoint`.

        Raises:
            ValueError: the work dir has checkpoints, but none of them can be read.
        """
        if self._resume and self._load_from is None and not self._has_loaded:
            self._load_from = find_checkpoint(self.work_dir)
            if self._load_from is None:
                self.logger.info(
                    f'{self.work_dir} has no checkpoint to resume from; starting a new training.'
                )
                return
        super().load_or_resume()

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: Sequence[tuple[str, str]] = ((r'^module\.', ''),),
    ) -> dict:
        """Load a checkpoint of the whole model without executing anything in the file.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: no file is named, it is not a checkpoint, or it does not fit the model.
        """
        if not filename:
            raise ValueError(
                'load_from is empty: this config starts from a checkpoint of the whole model. '
                'Set it with --cfg-options load_from=work_dirs/.../epoch_100.pth'
            )
        checkpoint = load_checkpoint(filename, map_location)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        model = unwrapped_model(self)
        try:
            _load_checkpoint_to_model(model, checkpoint, strict, revise_keys=revise_keys)
        except RuntimeError as error:
            tensors = extract_state_dict(checkpoint)
            if differing := class_layers(model, tensors):
                raise other_classes_error(model, filename, tensors, differing) from error
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ValueError(
                f'{filename} does not fit the {type(model).__name__} of this config. Is it a '
                'checkpoint of another architecture? To initialise only the encoder from a '
                'pre-training checkpoint, set model.backbone.init_cfg instead.\n'
                + '\n'.join(lines[:12])
            ) from error
        self._has_loaded = True
        self.logger.info(f'Load checkpoint from {filename}')
        return checkpoint

    @master_only
    def save_checkpoint(
        self, out_dir: str, filename: str, file_client_args: dict | None = None, **kwargs: Any
    ) -> None:
        """Save a checkpoint; a local file is written under a temporary name and then renamed.

        MMEngine writes in place, so a run that is killed while it saves leaves half a file. What a
        metric or a hook has put into the message hub and could not be read again is left out.
        """
        with readable_only(self.message_hub):
            if '://' in out_dir or file_client_args or kwargs.get('backend_args'):
                super().save_checkpoint(out_dir, filename, file_client_args, **kwargs)
                return
            with atomic_write(Path(out_dir, filename)) as temporary:
                super().save_checkpoint(out_dir, temporary.name, **kwargs)
