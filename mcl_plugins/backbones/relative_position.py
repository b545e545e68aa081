"""Relative position bias tables from a checkpoint, fitted to another model.

A table has (2 rows - 1)(2 columns - 1) + 3 lines of one number a head; the last three belong to
the class token.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_TABLE = 'relative_position_bias_table'
_INDEX = 'relative_position_index'
_CLS_LINES = 3


def expand_shared_bias(state_dict: dict[str, Tensor], prefix: str, num_layers: int) -> None:
    """Give each block a copy of the table that the blocks shared in pre-training, in place."""
    table = state_dict.pop(f'{prefix}rel_pos_bias.{_TABLE}', None)
    index = state_dict.pop(f'{prefix}rel_pos_bias.{_INDEX}', None)
    for layer in range(num_layers):
        for name, shared in ((_TABLE, table), (_INDEX, index)):
            if shared is not None:
                state_dict[f'{prefix}layers.{layer}.attn.{name}'] = shared.clone()


def resize_bias_tables(
    state_dict: dict[str, Tensor], prefix: str, wanted: dict[str, Tensor]
) -> None:
    """Resize every table in ``state_dict`` whose grid differs from ``wanted``'s, in place."""
    for name, target in wanted.items():
        table = state_dict.get(prefix + name)
        if table is None or not name.endswith(_TABLE) or len(table) == len(target):
            continue
        state_dict[prefix + name] = resize_bias_table(table, len(target))
        index = name.removesuffix(_TABLE) + _INDEX
        state_dict[prefix + index] = wanted[index]


def resize_bias_table(table: Tensor, lines: int) -> Tensor:
    """Bicubic resize of a (lines, heads) table of a square grid; the class lines are kept."""
    grid, cls = table[:-_CLS_LINES], table[-_CLS_LINES:]
    source, target = round(len(grid) ** 0.5), round((lines - _CLS_LINES) ** 0.5)
    square = grid.T.reshape(1, -1, source, source).float()
    square = F.interpolate(square, (target, target), mode='bicubic', align_corners=True)
    return torch.cat((square[0].flatten(1).T.to(table.dtype), cls))
