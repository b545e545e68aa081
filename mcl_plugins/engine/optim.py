"""Optimizer wrappers and constructors: gradient norms stay on the device, merged groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper as _AmpOptimWrapper
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.optim import OptimWrapper as _OptimWrapper
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS
from ..utils.sharded import whole_tensor
from .own_kinds import own_kind
from .scalars import note_scalar


class _NormOnDevice(_OptimWrapper):
    """Clips gradients without asking the device for their norm in each step."""

    def _clip_grad(self) -> None:
        parameters = [
            parameter
            for group in self.optimizer.param_groups
            for parameter in group['params']
            if parameter.requires_grad and parameter.grad is not None
        ]
        norm = self.clip_func(parameters, **self.clip_grad_kwargs) if parameters else None
        if norm is not None:  # clipping by value has none
            note_scalar(self.message_hub, f'train/{self.grad_name}', whole_tensor(norm))


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(_NormOnDevice):
    """MMEngine's ``OptimWrapper``, which fetches gradient norms when they are logged.

    The package's Runner uses it, and :class:`AmpOptimWrapper`, where a config names MMEngine's.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
        >>> wrapper = OptimWrapper(sgd, clip_grad=dict(max_norm=1.0))
        >>> wrapper.update_params(layer(torch.ones(1, 2)).sum())
        >>> round(float(wrapper.message_hub.get_scalar('train/grad_norm').current()), 3)
        1.732
    """


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(_NormOnDevice, _AmpOptimWrapper):
    """MMEngine's ``AmpOptimWrapper``, which fetches gradient norms when they are logged."""


def own_wrapper(config: Any) -> Any:
    """Return the config of an optimizer wrapper with the package's kind in place of MMEngine's.

    Example:
        >>> own_wrapper(dict(optimizer=dict(type='SGD', lr=0.1)))['type']
        'mcl_plugins.OptimWrapper'
    """
    if not isinstance(config, dict) or 'optimizer' not in config:  # several, or built
        return config
    return own_kind(config, [OptimWrapper, AmpOptimWrapper], 'OptimWrapper')


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Train with bfloat16 autocast on GPUs that support it, and in float32 on others.

    One config then runs on both. bfloat16 has the range of float32, so the loss needs no scaling.
    On a GPU without bfloat16 use ``--amp``, which trains in float16 with MMEngine's
    ``AmpOptimWrapper``.

    Args:
        *args: arguments of :class:`OptimWrapper`.
        cpu: use bfloat16 on a CPU too. It is faster only on one that computes in it (AMX,
            AVX512-BF16), and slower on others.
        **kwargs: the other arguments of :class:`OptimWrapper`.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> wrapper = Bf16OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        >>> with wrapper.optim_context(model):
        ...     model(torch.ones(1, 2)).dtype  # on a CPU
        torch.float32
    """

    def __init__(self, *args: Any, cpu: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cpu = cpu

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass under autocast; gradient accumulation works as in MMEngine."""
        gpu = torch.cuda.is_available()
        enabled = torch.cuda.is_bf16_supported(including_emulation=False) if gpu else self.cpu
        with (
            super().optim_context(model),
            torch.autocast('cuda' if gpu else 'cpu', torch.bfloat16, enabled),
        ):
            yield


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, with one parameter group for all parameters with equal options.

    MMEngine's constructor makes a group for every parameter, frozen ones included, so an optimizer
    launches its kernels once for each parameter instead of once for all. This constructor excludes
    parameters that require no gradient, such as those of an EMA teacher.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        # Without paramwise_cfg MMEngine makes no groups at all, so pass an option at its default.
        super().__init__(optim_wrapper_cfg, paramwise_cfg or dict(bypass_duplicate=False))

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        """Append the parameter groups of ``module`` to ``params``."""
        if not any(param.requires_grad for param in module.parameters()):
            return  # MMEngine would log a warning for each frozen parameter
        if prefix:  # MMEngine calls this again for each child
            super().add_params(params, module, prefix=prefix, **kwargs)
            return
        single: list[dict] = []
        super().add_params(single, module, prefix=prefix, **kwargs)
        params.extend(merge_groups(single))


def merge_groups(groups: list[dict]) -> list[dict]:
    """Merge the groups whose options are equal.

    Parameters that require no gradient are excluded. A parameter that two modules share stays in
    the group in which it occurs first.

    Args:
        groups: parameter groups of an optimizer, each with one or more ``params``.

    Returns:
        The merged groups, in the order of their first parameter.

    Example:
        >>> first, second, third = (nn.Parameter(torch.zeros(1)) for _ in range(3))
        >>> groups = [dict(params=p, lr=lr) for p, lr in ((first, 1), (second, 2), (third, 1))]
        >>> [(group['lr'], len(group['params'])) for group in merge_groups(groups)]
        [(1, 2), (2, 1)]
    """
    merged: dict[tuple, dict] = {}
    seen: set[int] = set()
    for group in groups:
        trained = [p for p in _as_list(group['params']) if p.requires_grad and id(p) not in seen]
        seen.update(id(p) for p in trained)
        options = {key: value for key, value in group.items() if key != 'params'}
        if trained:
            key = tuple(sorted(options.items()))
            merged.setdefault(key, {'params': [], **options})['params'].extend(trained)
    return list(merged.values())


def _as_list(params: Any) -> list[nn.Parameter]:
    return [params] if isinstance(params, nn.Parameter) else list(params)
