"""Refuses the wrappers of a model under which a method would compute something else."""

from __future__ import annotations

from mmengine.model import is_model_wrapper
from torch import nn
from torch.distributed.fsdp import FSDPModule

_REMEDY = (
    'Use DDP, which keeps them whole. To divide weights, gradients and moments among the '
    "processes, set runner_type='mcl_plugins.Runner' and sharding=True."
)


def check_wrappers(model: nn.Module) -> None:
    """Raise a ValueError if a wrapper has put parts or parameters of a method in other places.

    A method initialises whole tensors, averages each parameter for itself, and calls its parts as
    they were built. Wrappers that leave the parameters whole (DDP), or divide each for itself
    (FSDP2, by ``sharding=True`` of the package's Runner), are accepted.

    Args:
        model: the method, without a wrapper around it.

    Example:
        >>> check_wrappers(nn.Linear(2, 2))
    """
    if hasattr(model, '_is_fsdp_managed_module') and not isinstance(model, FSDPModule):
        raise ValueError(
            'The weights of the model are pieces of a flat tensor of FullyShardedDataParallel '
            '(FSDPStrategy, or model_wrapper_cfg), in which they are neither initialised nor '
            f'averaged one by one. {_REMEDY}'
        )
    for name, parameter in model.named_parameters():
        if parameter.numel() == 0:
            raise ValueError(
                f'model.{name} is empty, because its values are divided among the processes (stage '
                f'3 of ZeRO in DeepSpeedStrategy, or Gemini in ColossalAIStrategy). {_REMEDY}'
            )
    for name, part in model.named_modules():
        if part is not model and is_model_wrapper(part):
            raise ValueError(
                f'model.{name} is wrapped for itself, in {type(part).__name__} '
                '(MMSeparateDistributedDataParallel does that), but the method calls its parts '
                'directly. Set model_wrapper_cfg.type=MMDistributedDataParallel, or leave '
                'model_wrapper_cfg out.'
            )
