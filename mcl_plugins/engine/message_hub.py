"""What of MMEngine's message hub goes into a checkpoint, and comes out of one."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer, MessageHub, print_log
from mmengine.runner import Runner

from ..checkpoint.files import is_readable


@contextmanager
def readable_only(hub: MessageHub) -> Iterator[None]:
    """Take what could not be read again out of the message hub while a checkpoint is saved.

    Metrics and hooks may put anything there. The package reads tensors, numbers, text and
    containers of them, and nothing that could run code; one other entry would make its own
    checkpoint unreadable. A warning names the entry.

    Example:
        >>> hub = MessageHub.get_instance('example')
        >>> hub.update_info('best_score', 0.5)
        >>> with readable_only(hub):
        ...     hub.state_dict()['runtime_info']['best_score']
        0.5
    """
    infos = hub.runtime_info
    complete = dict(infos)
    for key, value in complete.items():
        if hub._resumed_keys.get(key) and not is_readable(value):
            _warn(key, type(value).__name__)
            del infos[key]
    try:
        yield
    finally:
        infos.clear()
        infos.update(complete)


def bound_histories(runner: Runner) -> None:
    """Cut the histories of logged values to what the log still averages over.

    MMEngine keeps the last million values of each scalar, in memory and in each checkpoint. Kept
    are at least 1000, the log processor's windows and, in runs by epoch, the iterations of an
    epoch. A window ``'global'`` needs all, and then nothing is cut. From the first save on a
    history has the same values in a resumed run as in one that was not interrupted.
    """
    processor = runner.log_processor
    windows = [processor.window_size, *(part.get('window_size') for part in processor.custom_cfg)]
    if 'global' in windows:
        return
    lengths = [
        loop.dataloader
        for loop in (runner._train_loop, runner._val_loop)
        if hasattr(loop, 'dataloader')
    ]
    bound = max(1000, *(size for size in windows if isinstance(size, int)), *map(len, lengths))
    for history in runner.message_hub.log_scalars.values():
        history.max_length = bound
        history._log_history = history._log_history[-bound:]
        history._count_history = history._count_history[-bound:]


def make_inert(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Take out of a checkpoint what MMEngine would run or could not use, in place.

    MMEngine executes the text in ``meta.config``, which MMCV wrote, to compare a number of GPUs
    that files of MMEngine do not have. Its CheckpointHook deletes what the message hub notes as
    kept and best: only numbers and names without a folder stay. Log histories are rebuilt from
    their numbers.

    Raises:
        ValueError: a part of the file has not the form that a Runner writes.

    Example:
        >>> make_inert({'meta': {'config': 'print(1)', 'epoch': 3}})
        {'meta': {'epoch': 3}}
    """
    for name in ('meta', 'state_dict', 'message_hub', 'optimizer'):
        if not isinstance(checkpoint.get(name, {}), dict | None):
            raise ValueError(
                f'{name} of the checkpoint is a {type(checkpoint[name]).__name__} and not a dict; '
                'was it written by another program?'
            )
    (checkpoint.get('meta') or {}).pop('config', None)
    hub = checkpoint.get('message_hub') or {}
    for name in ('log_scalars', 'runtime_info', 'resumed_keys'):
        if not isinstance(hub.get(name, {}), dict):
            raise ValueError(f'message_hub.{name} of the checkpoint is not a dict.')
    _keep_names(hub.get('runtime_info', {}))
    histories = hub.get('log_scalars', {})
    for name, history in list(histories.items()):
        if (rebuilt := _rebuild(history)) is not None:
            histories[name] = rebuilt
        else:
            del histories[name]
    return checkpoint


def _keep_names(infos: dict[str, Any]) -> None:
    """Reduce the notes of a CheckpointHook to what it has written itself, in place."""
    for key in [key for key in infos if str(key).startswith(('best_ckpt', 'keep_ckpt_ids'))]:
        noted = infos.pop(key)
        if key == 'keep_ckpt_ids' and isinstance(noted, list | tuple):
            infos[key] = [number for number in noted if type(number) is int and number > 0]
        elif isinstance(noted, str) and (name := re.search(r'best_[^/\\]+$', noted)):
            infos[key] = name[0]


def _rebuild(history: object) -> HistoryBuffer | None:
    """Return a history of the same numbers; None if they are none."""
    if not isinstance(history, HistoryBuffer):
        return None
    arrays = [
        np.asarray(vars(history).get(name)).view(np.ndarray)
        for name in ('_log_history', '_count_history')
    ]
    length = vars(history).get('max_length')
    numbers = all(array.ndim == 1 and array.dtype.kind in 'biuf' for array in arrays)
    if not numbers or len(arrays[0]) != len(arrays[1]) or type(length) is not int or length < 1:
        return None
    return HistoryBuffer(*arrays, max_length=length)


@lru_cache
def _warn(key: str, kind: str) -> None:
    print_log(
        f'{key!r} of the message hub is not saved in checkpoints: a {kind} could not be read '
        'again without running code in the file. Put numbers, text or tensors there.',
        'current',
        logging.WARNING,
    )
