"""Logged values that stay on the device until somebody reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

MOST_WAITING = 1000  # values of a scalar that wait on the device, if nobody reads them


class DeferredHistory(HistoryBuffer):
    """MMEngine's ``HistoryBuffer``, to which a tensor can be added without waiting for its value.

    MMEngine asks for the value of each loss in each step, and the host waits for the device every
    time. Here all values since the last look are fetched together when one of them is read, as by
    the log. In a checkpoint it is MMEngine's own kind.

    Example:
        >>> history = DeferredHistory()
        >>> history.update(torch.tensor(1.0))
        >>> history.update(3)
        >>> float(history.mean())
        2.0
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._waiting: list[tuple[Any, int]] = []
        super().__init__(*args, **kwargs)

    def update(self, log_val: float | Tensor, count: int = 1) -> None:
        """Add a value: a number, or a tensor with one element."""
        value = log_val.detach() if isinstance(log_val, Tensor) else log_val
        self._waiting.append((value, count))
        if len(self._waiting) >= MOST_WAITING:
            self._fetch()

    @property
    def _log_history(self) -> np.ndarray:
        self._fetch()
        return self._values

    @_log_history.setter
    def _log_history(self, values: np.ndarray) -> None:
        self._values = values

    @property
    def _count_history(self) -> np.ndarray:
        self._fetch()
        return self._counts

    @_count_history.setter
    def _count_history(self, counts: np.ndarray) -> None:
        self._counts = counts

    def _fetch(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        values: list[Any] = [value for value, _ in waiting]
        tensors = [value.reshape(()) for value in values if isinstance(value, Tensor)]
        if tensors:
            fetched = iter(torch.stack([tensor.to(tensors[0]) for tensor in tensors]).tolist())
            values = [next(fetched) if isinstance(value, Tensor) else value for value in values]
        self._values = np.append(self._values, values)[-self.max_length :]
        self._counts = np.append(self._counts, [n for _, n in waiting])[-self.max_length :]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Be MMEngine's own kind in copies and files, which any Runner reads."""
        return HistoryBuffer, (self._log_history, self._count_history, self.max_length)


def note_scalar(hub: MessageHub, key: str, value: Any) -> None:
    """Add a value to the history of a scalar; that of a tensor is fetched when it is read.

    Args:
        hub: the message hub of the training.
        key: name of the scalar.
        value: a number, or a tensor with one element.

    Example:
        >>> hub = MessageHub.get_instance('note_scalar')
        >>> note_scalar(hub, 'train/loss', torch.tensor(0.5))
        >>> float(hub.get_scalar('train/loss').current())
        0.5
    """
    if not isinstance(value, Tensor):
        hub.update_scalar(key, value)
        return
    hub._set_resumed_keys(key, True)
    history = hub.log_scalars.get(key)
    if not isinstance(history, DeferredHistory):
        before = () if history is None else (history._log_history, history._count_history)
        length = {} if history is None else {'max_length': history.max_length}
        history = hub.log_scalars[key] = DeferredHistory(*before, **length)
    history.update(value)
