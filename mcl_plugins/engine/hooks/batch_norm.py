"""A hook that refuses a batch of which a BatchNorm gets one value per channel."""

from __future__ import annotations

from functools import partial
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from ...layers.smallest_batch import is_synchronised
from ...registry import HOOKS
from ..batches import batch_sizes
from ..unwrap import unwrapped_model


@HOOKS.register_module()
class BatchNormHook(Hook):
    """Check in the first forward pass that each BatchNorm in training gets two rows or more.

    One value per channel has no variance. PyTorch raises an error for it, which names neither the
    layer nor the remedy, and for an incomplete last batch only at the end of the first epoch. This
    hook looks at the rows that the first batch gives to each BatchNorm, and computes those of the
    last batch. The package's Runner adds it if a config does not list it.

    Raises:
        ValueError: a BatchNorm gets one row of the first batch, or would get one of the last.
    """

    def __init__(self) -> None:
        self.handles: list[RemovableHandle] = []

    def before_train(self, runner: Runner) -> None:
        """Look at the inputs of all BatchNorms until the first iteration is over."""
        sizes = batch_sizes(runner.train_dataloader)
        if sizes is None or runner.cfg.get('compile'):
            return  # the number of images is unknown, or the hooks would be compiled
        for name, module in unwrapped_model(runner).named_modules():
            if isinstance(module, _BatchNorm):
                check = partial(check_rows, name, sizes, runner.world_size)
                self.handles.append(module.register_forward_pre_hook(check))

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Stop looking: all batches of the training but the last have the size of the first."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()


def check_rows(
    name: str, sizes: tuple[int, int], processes: int, norm: nn.Module, inputs: tuple[Tensor]
) -> None:
    """Raise a ValueError if a BatchNorm gets one row of the first batch or of the last.

    Args:
        name: name of the BatchNorm in the model, for the message.
        sizes: images per process in the first batch and in the last.
        processes: number of processes.
        norm: the BatchNorm.
        inputs: its input (rows, C, ...).

    Example:
        >>> import torch
        >>> check_rows('neck.bn', (2, 1), 1, nn.BatchNorm2d(4), (torch.zeros(2, 4, 8, 8),))
    """
    if not norm.training or not inputs[0].numel():
        return
    first, last = sizes
    rows = inputs[0].numel() // inputs[0].shape[1]
    per_image = rows // first if rows % first == 0 else 2  # not proportional to the images
    together = processes if is_synchronised(norm) else 1
    if rows * together == 1:
        raise ValueError(
            f'The BatchNorm model.{name} gets one row of a batch of {first} image(s), which has no '
            'variance: set train_dataloader.batch_size=2 or more.'
        )
    if per_image * last * together == 1:
        raise ValueError(
            f'The last batch of an epoch has one image, so the BatchNorm model.{name} would get '
            'one row, which has no variance: set train_dataloader.drop_last=True, or another '
            'train_dataloader.batch_size.'
        )
