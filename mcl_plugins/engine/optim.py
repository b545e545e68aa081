"""Optimizer wrappers and constructors: bfloat16 autocast and few parameter groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Train with bfloat16 autocast on devices that support it, and in float32 on others.

    So one config runs on both. bfloat16 has float32's range and needs no loss scaling. On a GPU
    without bfloat16 use ``--amp``, which trains in float16 with MMEngine's ``AmpOptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass; gradient accumulation as in MMEngine."""
        enabled = torch.cuda.is_available() and torch.cuda.is_bf16_supported(
            including_emulation=False
        )
        with super().optim_context(model), torch.autocast('cuda', torch.bfloat16, enabled):
            yield


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MergedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor with one parameter group for all parameters of equal settings.

    MMEngine's own makes a group of every parameter, also of frozen ones, so an optimizer launches
    its kernels once for each parameter instead of once for all. Here parameters without gradient,
    such as an EMA teacher's, are left out.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        # Without paramwise_cfg MMEngine makes no groups at all; this one states a default.
        super().__init__(optim_wrapper_cfg, paramwise_cfg or dict(bypass_duplicate=False))

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        """Fill ``params`` with the groups of ``module``."""
        if not any(param.requires_grad for param in module.parameters()):
            return  # MMEngine would log a warning for each frozen parameter
        if prefix:  # MMEngine's recursion into children
            super().add_params(params, module, prefix=prefix, **kwargs)
            return
        single: list[dict] = []
        super().add_params(single, module, prefix=prefix, **kwargs)
        params.extend(merge_groups(single))


def merge_groups(groups: list[dict]) -> list[dict]:
    """Join the groups whose settings are equal.

    Parameters that need no gradient are left out. A parameter that two modules share stays in the
    group of its first name.

    Args:
        groups: as an optimizer takes them, each with one or more ``params``.

    Returns:
        The joined groups, in the order of their first parameter.

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
        settings = {key: value for key, value in group.items() if key != 'params'}
        if trained:
            key = tuple(sorted(settings.items()))
            merged.setdefault(key, {'params': [], **settings})['params'].extend(trained)
    return list(merged.values())


def _as_list(params: Any) -> list[nn.Parameter]:
    return [params] if isinstance(params, nn.Parameter) else list(params)
