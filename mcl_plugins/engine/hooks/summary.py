"""A hook that says in words what is trained, what the monitors mean, and where the results are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...registry import HOOKS
from ..unwrap import unwrapped_model

# What the heads of the methods return beside their losses.
MONITORS = {
    'top1': 'the share of queries whose most similar key is the right one',
    'chance': 'the contrastive loss of a network that guesses',
    'key_spread': 'how different the keys are, 0 if the network has collapsed',
}


@HOOKS.register_module()
class SummaryHook(Hook):
    """Log a line about the training before it, one about its monitors, and one after it.

    The package's Runner adds this hook if a config does not list it.
    """

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self._first = 0  # number of the first iteration, after a resumption not 0

    def before_train(self, runner: Runner) -> None:
        """Say what is trained, how long and on what."""
        self._first = runner.iter
        model = unwrapped_model(runner)
        encoder = getattr(model, 'backbone', None)
        of = '' if encoder is None else f' with the encoder {type(encoder).__name__}'
        trained = sum(part.numel() for part in model.parameters() if part.requires_grad)
        processes = f'{runner.world_size} process{"es" * (runner.world_size > 1)}'
        runner.logger.info(
            f'Training {type(model).__name__}{of} ({trained / 1e6:.1f} million parameters) for '
            f'{describe_length(runner)} on {get_device()} in {processes}.'
        )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Say after the first iteration what the monitors in the log mean."""
        if runner.iter == self._first and (meanings := describe_monitors(outputs or {})):
            runner.logger.info(f'In the log, {meanings}.')

    def after_train(self, runner: Runner) -> None:
        """Say where the results are, if something was trained."""
        if runner.iter == self._first:
            return
        name = runner.message_hub.runtime_info.get('last_ckpt')
        saved = f' The last checkpoint is {Path(name).name}.' if name else ''
        runner.logger.info(f'Finished. Checkpoints and logs are in {runner.work_dir}.{saved}')


def describe_length(runner: Runner) -> str:
    """Return the length of a training in words."""
    loop = runner.train_loop
    if not isinstance(loop, EpochBasedTrainLoop):
        return f'{loop.max_iters} iterations'
    epochs = f'{loop.max_epochs} epoch{"s" * (loop.max_epochs != 1)}'
    return f'{epochs} of {len(loop.dataloader)} iterations'


def describe_monitors(outputs: dict[str, Any]) -> str:
    """Explain those values of a step's log that are no losses.

    Example:
        >>> describe_monitors({'loss': 1.0, 'chance_patch': 2.0})
        'chance is the contrastive loss of a network that guesses'
    """
    present = [name for name in MONITORS if any(key.startswith(name) for key in outputs)]
    return '; '.join(f'{name} is {MONITORS[name]}' for name in present)
