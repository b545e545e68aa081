"""The function that stacks samples to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import default_collate as _default_collate

from ..registry import FUNCTIONS


@FUNCTIONS.register_module()
def default_collate(data_batch: Sequence, _scope_: str | None = None) -> Any:
    """MMEngine's ``default_collate``, which also works in inherited configs.

    Args:
        data_batch: the samples.
        _scope_: ignored. If a config inherits from another package, MMEngine passes the scope to
            the collate function as an argument.

    Returns:
        The tensors of the samples, stacked, in the structure of a sample.

    Example:
        >>> default_collate([{'gt_label': 3}, {'gt_label': 5}])
        {'gt_label': tensor([3, 5])}
    """
    return _default_collate(data_batch)
