"""How samples become a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.dataset import default_collate as _default_collate

from ..registry import FUNCTIONS


@FUNCTIONS.register_module()
def default_collate(data_batch: Sequence, _scope_: str | None = None) -> Any:
    """MMEngine's ``default_collate``, for configs that are inherited.

    Args:
        data_batch: the samples.
        _scope_: ignored. In a config that inherits another package's, MMEngine hands the scope on
            to the collate function as one of its settings.

    Returns:
        The samples' tensors, stacked, in the structure that the samples have.
    """
    return _default_collate(data_batch)
