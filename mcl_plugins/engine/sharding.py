"""Training with weights, gradients and moments divided among the processes: PyTorch's FSDP2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce
from mmengine.hooks import EMAHook
from mmengine.model import convert_sync_batchnorm
from mmengine.optim import AmpOptimWrapper
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from ..utils.sharded import whole_state
from .checkpoints import CheckpointsRunner, out_dir_of
from .compiled import BLOCKS
from .wrappers import wrappers_of

# Optimizers that treat each weight by itself, so that a part of a tensor suffices.
ELEMENTWISE = (Adam, AdamW, SGD)


class ShardingRunner(CheckpointsRunner):
    """MMEngine's Runner, for which ``sharding=True`` divides the model among the processes.

    Each process then holds its part of the weights, of their gradients, of the optimizer's moments
    and of the EMA; the weights of a block are gathered while it is computed (``fully_shard``). The
    losses are those of DDP. Buffers, such as queues and the statistics of BatchNorm, are whole in
    each process, and so is a frozen teacher.

    A training starts like any other: weights are initialised or loaded before they are divided. A
    checkpoint has whole tensors, as one of DDP has: every command reads it, and a training goes on
    from it with any number of processes, divided or not.
    """

    _whole: tuple[dict, dict] | None = None

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model; one that is to be divided is only moved to its device.

        Raises:
            ValueError: the config has a wrapper, too, or one that divides the model in another way.
        """
        if 'FullySharded' in str((model_wrapper_cfg or {}).get('type')):
            raise ValueError(
                f'model_wrapper_cfg={model_wrapper_cfg} divides the weights before this Runner '
                'initialises and loads them: leave it out, and set sharding=True.'
            )
        if not self._divides:
            return super().wrap_model(model_wrapper_cfg, model)
        if model_wrapper_cfg:
            raise ValueError(
                f'sharding={self.cfg.sharding} divides the model, and model_wrapper_cfg='
                f'{model_wrapper_cfg} wraps it in another way: leave one of them out.'
            )
        sync_bn = self.cfg.get('sync_bn') if torch.cuda.is_available() else None
        model = model.to(get_device())
        return convert_sync_batchnorm(model, sync_bn) if sync_bn else model

    def load_or_resume(self) -> None:
        """Load or resume; then divide model and optimizers, if the config says so.

        Raises:
            ValueError: a part of the training needs the whole model.
        """
        super().load_or_resume()
        if not self._divides:
            return
        wrappers = wrappers_of(self.optim_wrapper)
        check_parts(wrappers, self.hooks, self.cfg)
        mesh = init_device_mesh(torch.device(get_device()).type, (self.world_size,))
        shard(self.model, [part.optimizer for part in wrappers], mesh)
        self.logger.info(
            f'Weights, gradients and moments are divided among {self.world_size} processes.'
        )

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint of the whole model, which all processes gather together."""
        if self._divides:
            self._whole = whole_state(super().states())
        super().save_checkpoint(*args, **kwargs)
        self._whole = None

    def states(self) -> tuple[dict, dict]:
        """Return the states of model and optimizer, with whole tensors while they are saved."""
        return self._whole or super().states()

    @property
    def _divides(self) -> bool:
        return bool(self.distributed and self.cfg.get('sharding'))


def check_parts(wrappers: Sequence[Any], hooks: Iterable[Any], config: Any) -> None:
    """Raise a ValueError if a part of a training needs the whole model.

    Args:
        wrappers: the optimizer wrappers.
        hooks: the hooks of the Runner.
        config: that of the training.

    Example:
        >>> from mmengine.optim import OptimWrapper
        >>> sgd = torch.optim.SGD([nn.Parameter(torch.ones(1))])
        >>> check_parts([OptimWrapper(sgd)], hooks=[], config={})
    """
    found = []
    for wrapper in wrappers:
        if type(wrapper.optimizer) not in ELEMENTWISE:
            found.append(
                f'{type(wrapper.optimizer).__name__}, which may need whole tensors: use '
                f'{", ".join(kind.__name__ for kind in ELEMENTWISE)}'
            )
        if isinstance(wrapper, AmpOptimWrapper):
            found.append(
                "float16 with loss scaling (--amp): use optim_wrapper.type='mcl_plugins."
                "Bf16OptimWrapper'"
            )
    if any(isinstance(hook, EMAHook) for hook in hooks):
        found.append('EMAHook, which copies the whole model: leave it out of custom_hooks')
    if config.get('compile'):
        found.append('compile, which compiles blocks with whole weights: set compile=False')
    if '://' in (folder := out_dir_of(config) or ''):
        found.append(f'checkpoints in {folder}: set default_hooks.checkpoint.out_dir to a folder')
    if found:
        raise ValueError(
            f'sharding=True does not work with {"; or with ".join(found)}. Without sharding (DDP) '
            'each of these works.'
        )


def shard(model: nn.Module, optimizers: Iterable[Optimizer], mesh: DeviceMesh) -> None:
    """Divide a model in place among processes: each of its blocks, and the rest as one part.

    The rest is gathered once for a step. So methods other than ``forward`` of an encoder can be
    called within the model's own.

    Args:
        model: a model whose weights are the same on all processes.
        optimizers: those of the model. They get the parts of its weights, with the gradients and
            moments that these have.
        mesh: the processes.
    """
    whole = dict(model.named_parameters())
    for module in reversed(list(model.modules())):  # inner ones first
        if isinstance(module, BLOCKS):
            fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh)
    parts: dict[Any, Any] = {whole[name]: part for name, part in model.named_parameters()}
    for weight, part in parts.items():
        if weight.grad is not None:
            all_reduce(weight.grad, 'mean')  # as DDP does at the next step
            part.grad = divide(weight.grad, part)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group['params'] = [parts[weight] for weight in group['params']]
        for weight in list(optimizer.state):
            part = parts[weight]
            optimizer.state[part] = {
                name: divide(value, part) if is_like(value, weight) else value
                for name, value in optimizer.state.pop(weight).items()
            }


def divide(value: Tensor, part: DTensor) -> DTensor:
    """Divide a tensor that is the same on all processes as a weight is divided."""
    return distribute_tensor(value, part.device_mesh, part.placements, src_data_rank=None)


def is_like(value: Any, weight: Tensor) -> bool:
    """Return whether a part of an optimizer's state belongs to the elements of a weight."""
    return isinstance(value, Tensor) and value.shape == weight.shape and value.ndim > 0
