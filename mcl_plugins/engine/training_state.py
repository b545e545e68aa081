"""What a checkpoint of a training holds."""

from __future__ import annotations

import time
from typing import Any

import mmengine
from mmengine.logging import MessageHub
from mmengine.runner.checkpoint import weights_to_cpu
from mmengine.utils import apply_to, get_git_hash


def training_state(
    runner: Any, meta: dict[str, Any], by_epoch: bool, optimizer: bool, schedulers: bool
) -> dict[str, Any]:
    """Collect what MMEngine's Runner saves: weights, optimizer, schedulers, message hub and origin.

    MMEngine does so in the function that also writes the file, from a copy in memory.

    Args:
        runner: the package's Runner.
        meta: entries of ``meta`` that are known, such as ``epoch`` and ``iter``.
        by_epoch: whether the checkpoint is at the end of an epoch, and not of an iteration.
        optimizer: whether the state of the optimizer is among it.
        schedulers: whether those of the schedulers are.
    """
    weights, moments = runner.states()
    state: dict[str, Any] = {
        'meta': {
            'epoch': runner.epoch + by_epoch,
            'iter': runner.iter + (not by_epoch),
            **meta,
            'cfg': runner.cfg.pretty_text,
            'seed': runner.seed,
            'experiment_name': runner.experiment_name,
            'time': time.strftime('%Y%m%d_%H%M%S', time.localtime()),
            'mmengine_version': mmengine.__version__ + get_git_hash(),
        },
        'state_dict': weights_to_cpu(weights),
        'message_hub': _to_cpu(hub_state(runner.message_hub)),
    }
    if optimizer:
        state['optimizer'] = _to_cpu(moments)
    if hasattr(runner.train_dataloader.dataset, 'metainfo'):
        state['meta']['dataset_meta'] = runner.train_dataloader.dataset.metainfo
    if schedulers and runner.param_schedulers is not None:
        state['param_schedulers'] = _states(runner.param_schedulers)
    return state


def hub_state(hub: MessageHub) -> dict[str, Any]:
    """Return what a message hub keeps, without the names of what it does not keep.

    MMEngine's hub has them in its state, and warns of each when it is loaded.
    """
    state = hub.state_dict()
    kept = state['log_scalars'].keys() | state['runtime_info'].keys()
    state['resumed_keys'] = {key: True for key in state['resumed_keys'] if key in kept}
    return state


def _states(schedulers: Any) -> Any:
    """Return the states of schedulers in a list, or in one list for each of several optimizers."""
    if isinstance(schedulers, dict):
        return {name: _states(some) for name, some in schedulers.items()}
    return [scheduler.state_dict() for scheduler in schedulers]


def _to_cpu(value: Any) -> Any:
    return apply_to(value, lambda part: hasattr(part, 'cpu'), lambda part: part.cpu())
