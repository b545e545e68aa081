"""Position tables from a checkpoint, fitted to a model of another grid or another layout.

Encoders store positions in three kinds of tables:

- absolute ones, (1, L, D): a row for each patch, and one for the class token before them;
- relative ones of a map or window of H x W tokens, ((2 H - 1)(2 W - 1), heads): a row for each
  offset of two tokens. Plain ViTs have three more rows at the end, for the offsets from, to and
  within the class token. As (2 H - 1)(2 W - 1) is odd, a table of even length has these rows;
- relative ones along one axis, (2 H - 1, D), see :mod:`mcl_plugins.layers.position_bias`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from mmpretrain.models.utils import resize_pos_embed
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional as F

TABLE = 'relative_position_bias_table'
INDEX = 'relative_position_index'
CLASS_ROWS = 3


def fit_absolute_positions(state_dict: dict[str, Tensor], name: str, size: tuple[int, int]) -> None:
    """Resize absolute positions (bicubic) and leave out the class token's row, in place.

    Args:
        state_dict: of a checkpoint; nothing happens if it has no such positions.
        name: the positions' name in it.
        size: (rows, columns) of patches in the model.
    """
    positions = state_dict.get(name)
    if positions is None or positions.ndim != 3:
        return
    side = int(positions.shape[1] ** 0.5)
    extra = positions.shape[1] - side * side
    if extra <= 1:  # otherwise the map was not square: loading reports the shape
        state_dict[name] = resize_pos_embed(
            positions[:, extra:], (side, side), size, 'bicubic', num_extra_tokens=0
        )


def expand_shared_table(state_dict: dict[str, Tensor], prefix: str, num_layers: int) -> None:
    """Give each block a copy of the table that the blocks shared in pre-training, in place."""
    for name in (TABLE, INDEX):
        if f'{prefix}rel_pos_bias.{name}' not in state_dict:
            continue
        shared = state_dict.pop(f'{prefix}rel_pos_bias.{name}')
        for layer in range(num_layers):
            state_dict[f'{prefix}layers.{layer}.attn.{name}'] = shared.clone()


def fit_block_tables(
    state_dict: dict[str, Tensor], prefix: str, wanted: Mapping[str, Tensor], how: str = 'spline'
) -> None:
    """Resize the tables of relative positions whose length differs from the model's, in place.

    Args:
        state_dict: of a checkpoint.
        prefix: what the encoder's names start with in it.
        wanted: the encoder's own state.
        how: the way of resizing, one of ``RESIZERS``.
    """
    for name, target in wanted.items():
        table = state_dict.get(prefix + name)
        if table is None or not name.endswith(TABLE) or len(table) == len(target):
            continue
        state_dict[prefix + name] = resize_table(table, len(target), how)
        index = name.removesuffix(TABLE) + INDEX
        state_dict[prefix + index] = wanted[index]


def fit_shared_tables(
    state_dict: dict[str, Tensor], prefix: str, wanted: Mapping[str, Tensor]
) -> None:
    """Fill the tables that many blocks share from the relative positions of a checkpoint, in place.

    Each table of the model becomes the pre-training's shared table, or the mean of the tables of
    all blocks (our choice; MIMDet does not say), resized as in MIMDet. A checkpoint of the same
    model, and one without relative positions, are left as they are.

    Args:
        state_dict: of a checkpoint.
        prefix: what the encoder's names start with in it.
        wanted: the encoder's own state.
    """
    names = [name for name in wanted if name.endswith(TABLE)]
    if any(prefix + name in state_dict for name in names):
        return
    ours = [name for name in state_dict if name.startswith(prefix)]
    found = [name for name in ours if name.endswith(TABLE)]
    if not found:
        return
    table = torch.stack([state_dict.pop(name) for name in found]).mean(dim=0)
    for name in ours:
        if name.endswith(INDEX):
            del state_dict[name]
    for name in names:
        state_dict[prefix + name] = resize_table(table, len(wanted[name]), 'bicubic')


def resize_table(table: Tensor, length: int, how: str = 'spline') -> Tensor:
    """Fit a table of relative positions of a square grid to another square grid.

    Args:
        table: (rows, heads). The rows of the class token, if it has any, are kept as they are.
        length: rows of the result; with an odd number the class token's rows are left out.
        how: one of ``RESIZERS``: ``'spline'``, ``'bilinear'`` or ``'bicubic'``.

    Returns:
        (length, heads), of the type of ``table``.

    Example:
        >>> table = torch.arange(9.0)[:, None]  # a map of 2 x 2 tokens has offsets from -1 to 1
        >>> resize_table(table, 25, 'bilinear').view(5, 5)[2]
        tensor([3.0000, 3.4000, 4.0000, 4.6000, 5.0000])
    """
    class_rows = 0 if len(table) % 2 else CLASS_ROWS
    grid, cls = table.split((len(table) - class_rows, class_rows))
    kept = cls if length % 2 == 0 else cls[:0]
    source, target = round(len(grid) ** 0.5), round((length - len(kept)) ** 0.5)
    maps = grid.T.unflatten(1, (source, source))  # (heads, 2 H - 1, 2 W - 1)
    resized = RESIZERS[how](maps, target).flatten(1).T
    return torch.cat((resized.to(table), kept))


def _spline(maps: Tensor, side: int) -> Tensor:
    """Cubic splines over offsets that are spread geometrically (BEiT's released code).

    The old offsets are spread over the new range with spacing that grows by a constant factor from
    1, so that neighbouring patches keep their bias and only distant ones are interpolated.
    """
    old = geometric_offsets(maps.shape[-1] // 2, side // 2)
    new = np.arange(side) - side // 2
    degree = min(3, maps.shape[-1] - 1)
    heads = [
        RectBivariateSpline(old, old, head, kx=degree, ky=degree)(new, new)
        for head in maps.double().cpu().numpy()
    ]
    return torch.from_numpy(np.stack(heads))


def _stretch(maps: Tensor, side: int, mode: str) -> Tensor:
    """Stretch the range of offsets evenly: a bias belongs to a fraction of the image."""
    return F.interpolate(maps[None].float(), (side, side), mode=mode, align_corners=False)[0]


# (heads, 2 H - 1, 2 W - 1) maps and the new side -> (heads, side, side).
RESIZERS: dict[str, Callable[[Tensor, int], Tensor]] = {
    'spline': _spline,  # BEiT's and ConMIM's released code
    'bilinear': partial(_stretch, mode='bilinear'),  # ConMIM, Table 12
    'bicubic': partial(_stretch, mode='bicubic'),  # MIMDet's released code
}


def geometric_offsets(count: int, reach: int) -> np.ndarray:
    """(2 count + 1,) offsets from -reach to reach whose spacing grows by a constant factor.

    Example:
        >>> geometric_offsets(2, 3)
        array([-3., -1.,  0.,  1.,  3.])
    """
    powers = np.arange(count)
    growth = brentq(lambda q: (q**powers).sum() - reach, 1e-3, 1e3) if count > 1 else 1.0
    steps = np.cumsum(growth**powers) if count > 1 else np.array([float(reach)])
    return np.concatenate((-steps[::-1], [0.0], steps))
