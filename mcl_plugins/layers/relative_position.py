"""Relative position bias tables from a checkpoint, fitted to another model.

A table has (2 rows - 1)(2 columns - 1) lines of one number a head, and in plain ViTs three more at
the end, which belong to the class token.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import brentq
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
    state_dict: dict[str, Tensor],
    prefix: str,
    wanted: dict[str, Tensor],
    class_lines: int = _CLS_LINES,
    resize: Callable[[Tensor, int, int], Tensor] | None = None,
) -> None:
    """Resize every table in ``state_dict`` whose grid differs from ``wanted``'s, in place.

    ``resize`` is :func:`resize_bias_table` by default.
    """
    resize = resize or resize_bias_table
    for name, target in wanted.items():
        table = state_dict.get(prefix + name)
        if table is None or not name.endswith(_TABLE) or len(table) == len(target):
            continue
        state_dict[prefix + name] = resize(table, len(target), class_lines)
        index = name.removesuffix(_TABLE) + _INDEX
        state_dict[prefix + index] = wanted[index]


def resize_bias_table(table: Tensor, lines: int, class_lines: int = _CLS_LINES) -> Tensor:
    """Resize a (lines, heads) table of a square grid by cubic splines; the class lines are kept.

    As in BEiT's released code, the old offsets are spread over the new range with spacing that
    grows geometrically from 1, so that neighbouring patches keep their bias and only far ones are
    interpolated.
    """
    grid, cls = table.split((len(table) - class_lines, class_lines))
    source, target = round(len(grid) ** 0.5), round((lines - class_lines) ** 0.5)
    old = _spread_offsets(source // 2, target // 2)
    new = np.arange(target) - target // 2
    degree = min(3, source - 1)
    heads = [
        RectBivariateSpline(old, old, head.reshape(source, source), kx=degree, ky=degree)(new, new)
        for head in grid.double().T.cpu().numpy()
    ]
    resized = torch.from_numpy(np.stack(heads)).flatten(1).T
    return torch.cat((resized.to(table), cls))


def stretch_bias_table(table: Tensor, lines: int, class_lines: int = _CLS_LINES) -> Tensor:
    """Resize a (lines, heads) table of a square grid bilinearly; the class lines are kept.

    The whole range of offsets is stretched evenly, so that a bias belongs to a fraction of the
    image, not to a number of patches.
    """
    grid, cls = table.split((len(table) - class_lines, class_lines))
    source, target = round(len(grid) ** 0.5), round((lines - class_lines) ** 0.5)
    maps = grid.float().T.unflatten(1, (source, source))[None]
    resized = F.interpolate(maps, (target, target), mode='bilinear', align_corners=False)
    return torch.cat((resized[0].flatten(1).T.to(table), cls))


def _spread_offsets(count: int, reach: int) -> np.ndarray:
    """(2 count + 1,) offsets from -reach to reach whose spacing grows by a constant factor."""
    powers = np.arange(count)
    growth = brentq(lambda q: (q**powers).sum() - reach, 1e-3, 1e3) if count > 1 else 1.0
    steps = np.cumsum(growth**powers) if count > 1 else np.array([float(reach)])
    return np.concatenate((-steps[::-1], [0.0], steps))
