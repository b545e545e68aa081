"""How parameters are grouped and how a step is taken."""

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
    """bfloat16 autocast where the device computes in it, float32 elsewhere; one config for both.

    bfloat16 has float32's range, so no loss scaling is needed. On a GPU without bfloat16 use
    ``--amp``, which trains in float16 with MMEngine's ``AmpOptimWrapper``.
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
    """MMEngine's constructor with as few parameter groups as there are different settings.

    MMEngine's makes a group of every parameter, frozen ones too: an optimizer then launches its
    kernels once a parameter instead of once in all. Here parameters of equal settings share a
    group, and those without gradient (an EMA teacher's) stay out.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        # Without any setting MMEngine takes all parameters as they are: say what is the default.
        super().__init__(optim_wrapper_cfg, paramwise_cfg or dict(bypass_duplicate=False))

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        """Fill ``params`` with the groups of ``module``."""
        if not any(param.requires_grad for param in module.parameters()):
            return  # MMEngine would warn of each parameter that is frozen
        if prefix:  # MMEngine's recursion into children
            super().add_params(params, module, prefix=prefix, **kwargs)
            return
        single: list[dict] = []
        super().add_params(single, module, prefix=prefix, **kwargs)
        params.extend(merge_groups(single))


def merge_groups(groups: list[dict]) -> list[dict]:
    """Join the groups whose settings are equal.

    Parameters that need no gradient are left out; one that two modules share goes by its first
    name.
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
