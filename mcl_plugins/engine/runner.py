"""MMEngine's Runner with a short console log, effective-batch learning rates and strict loading."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner import BaseLoop
from torch import nn

from ..checkpoint.whole_model import check_classes
from ..datasets.bad_images import FILE_NAME
from ..datasets.checked_images import CheckedImages, parts_of
from ..registry import RUNNERS
from ..targets.frozen_teacher import FrozenTeacher
from .accumulation import AccumulationRunner
from .annotation_file import check_annotation_file
from .bands import check_bands
from .batches import check_batches, check_epoch
from .checkpoints import CheckpointsRunner
from .compiled import CompilingRunner
from .config_text import FormattedConfig
from .console import ConsoleFilter
from .hooks import (
    BadImagesHook,
    BatchNormHook,
    BatchSizeHook,
    ClassCountHook,
    ClassPixelsHook,
    DrawsHook,
    IdentityHook,
    RuntimeInfoHook,
    SampleCheckHook,
    ScheduleHook,
    SummaryHook,
)
from .loops import EpochBasedTrainLoop, IterBasedTrainLoop
from .optim import own_wrapper
from .own_kinds import own_kind
from .processes import ProcessesRunner
from .schedules import SchedulesRunner
from .sharding import ShardingRunner
from .statistics import warn_of_encoders
from .unwrap import unwrapped_model
from .widths import check_widths

# Registered if the config lists none of the kind. All but the first two and the last two are
# checks, which raise before the first iteration.
HOOKS = (
    DrawsHook,  # seeds what is drawn for each sample and each step
    BadImagesHook,  # counts the images that were replaced
    IdentityHook,  # the checkpoint is of another training
    ScheduleHook,  # resumed with another schedule or settings that the checkpoint overrides
    BatchSizeHook,  # resumed with other processes or accumulation
    ClassCountHook,  # more or other classes in the data than the model has
    BatchNormHook,  # a batch that BatchNorm cannot normalise
    SampleCheckHook,  # labels that do not fit, found on a sample
    ClassPixelsHook,  # names the classes that the first epoch has no pixel of
    SummaryHook,  # says what is trained and where the results are
)
# Default hooks of MMEngine itself, by their names in ``default_hooks``.
MMENGINES = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')
LOOPS = (EpochBasedTrainLoop, IterBasedTrainLoop)  # in place of MMEngine's of the same name


@RUNNERS.register_module()
class Runner(
    ShardingRunner,
    ProcessesRunner,
    SchedulesRunner,
    AccumulationRunner,
    CheckpointsRunner,
    CompilingRunner,
):
    """The Runner of ``tools/train.py`` and ``tools/test.py``; its config is that of MMEngine's.

    - Without a GPU, processes communicate over gloo instead of the config's backend.
    - The console shows progress; environment, config and hook lists are only in the log file.
    - A line of the training log says if the training waits for its data.
    - ``compile=True`` compiles each block of the model.
    - ``sharding=True`` divides weights, gradients and moments among the processes.
    - ``auto_scale_lr`` includes gradient accumulation and logs the resulting learning rate.
    - A checkpoint is read without executing anything in it. It is written to a temporary file,
      which is then renamed.
    - A checkpoint that does not fit the model raises an error instead of being loaded in part.
      Resuming with another schedule, or a checkpoint of another training, raises an error, too.
    - Up to ``max_bad_images`` of the training images are replaced if they cannot be read.
    - Resuming without naming a file continues from the newest complete checkpoint in the work dir.
    """

    def __init__(self, *args: Any, cfg: Any = None, **kwargs: Any) -> None:
        formatted = FormattedConfig.of(cfg) if isinstance(cfg, Config) else cfg
        super().__init__(*args, cfg=formatted, **kwargs)

    def build_message_hub(self, message_hub: dict | None = None) -> MessageHub:
        """Build the message hub; models and hooks read ``mcl_plugins_runner`` from it."""
        hub = super().build_message_hub(message_hub)
        hub.update_info('mcl_plugins_runner', True, resumed=False)
        return hub

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
        check_bands(unwrapped_model(self))
        for module in self.model.modules():
            if isinstance(module, FrozenTeacher):
                module.check_checkpoint()
        if self._load_from and not self._resume:
            check_classes(unwrapped_model(self), self._load_from)
        return super().train()

    def _init_model_weights(self) -> None:
        """Initialise the model, and warn of weights that have seen otherwise normalised images."""
        super()._init_model_weights()
        warn_of_encoders(unwrapped_model(self))

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register the hooks, and those of :data:`HOOKS` of which the config lists none."""
        super().register_hooks(*args, **kwargs)
        for kind in HOOKS:
            if not any(isinstance(hook, kind) for hook in self.hooks):
                self.register_hook(kind())

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """Register MMEngine's default hooks, with the package's ``RuntimeInfoHook``.

        None leaves a hook out, also one that only this package's configs have by default.
        """
        wanted = hooks or {}
        infos = own_kind(wanted.get('runtime_info', {}), [RuntimeInfoHook], 'RuntimeInfoHook')
        known = {name: hook for name, hook in wanted.items() if hook or name in MMENGINES}
        super().register_default_hooks({**known, 'runtime_info': infos})

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer and its wrapper, which does not wait for the device."""
        return super().build_optim_wrapper(own_wrapper(optim_wrapper))

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the training loop and check its batches and the bands of its images.

        Raises:
            ValueError: the images do not fill one batch, or a batch is too small for the model,
                or images, data preprocessor and encoder are for other numbers of bands.
        """
        self._build_train_dataloader()
        loop = super().build_train_loop(own_kind(named_loop(loop), LOOPS))
        check_epoch(loop.dataloader, self.world_size)
        check_batches(loop.dataloader, unwrapped_model(self), self.world_size)
        check_bands(unwrapped_model(self), loop.dataloader.dataset)
        return loop

    def _build_train_dataloader(self) -> None:
        """Build the training loader, whose data sets replace images that cannot be read.

        The loop builds it too late: it may start the workers at once.
        """
        loader: Any = self._train_dataloader  # type: ignore[has-type]
        if isinstance(loader, dict):
            diff_rank_seed = self._randomness_cfg.get('diff_rank_seed', False)
            loader = self.build_dataloader(loader, self.seed, diff_rank_seed)
        self._train_dataloader = loader
        parts = [part for part in parts_of(loader.dataset) if isinstance(part, CheckedImages)]
        if is_main_process():
            self._renew_bad_images(parts)
        barrier()
        for part in parts:
            part.replace_bad_images(self.work_dir)

    def _renew_bad_images(self, parts: Sequence[CheckedImages]) -> None:
        """Begin a new list of images that cannot be read; of a resumed run, look at them again."""
        if not self._resume:
            Path(self.work_dir, FILE_NAME).unlink(missing_ok=True)
            return
        for part in parts:
            if mended := part.recheck_bad_images(self.work_dir):
                names = ', '.join(mended[:3]) + ', ...' * (len(mended) > 3)
                self.logger.info(
                    f'{len(mended)} of the images in {FILE_NAME} can be read now, or are no longer '
                    f'there, and no longer count: {names}'
                )

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the validation loop.

        Raises:
            ValueError: the evaluator reads another annotation file than the data set.
        """
        loop = super().build_val_loop(loop)
        check_annotation_file(loop.dataloader.dataset, self._val_evaluator, 'val')
        check_bands(unwrapped_model(self), loop.dataloader.dataset)
        return loop

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the test loop.

        Raises:
            ValueError: the evaluator reads another annotation file than the data set.
        """
        loop = super().build_test_loop(loop)
        check_annotation_file(loop.dataloader.dataset, self._test_evaluator, 'test')
        check_bands(unwrapped_model(self), loop.dataloader.dataset)
        return loop

    def build_log_processor(self, log_processor: Any) -> Any:
        """Build the log processor; without a type it is the package's."""
        if isinstance(log_processor, dict):
            log_processor = {'type': 'mcl_plugins.LogProcessor', **log_processor}
        return super().build_log_processor(log_processor)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, with a :class:`ConsoleFilter` on its console handlers."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(ConsoleFilter())
        return logger


def named_loop(loop: BaseLoop | dict) -> BaseLoop | dict:
    """Return the config of a loop with its kind in place of MMEngine's ``by_epoch``.

    Example:
        >>> named_loop(dict(by_epoch=True, max_epochs=3))
        {'type': 'EpochBasedTrainLoop', 'max_epochs': 3}
    """
    if not isinstance(loop, dict) or 'type' in loop or 'by_epoch' not in loop:
        return loop
    rest = {key: value for key, value in loop.items() if key != 'by_epoch'}
    return {'type': f'{"Epoch" if loop["by_epoch"] else "Iter"}BasedTrainLoop', **rest}
