"""Conversion of position tables in a checkpoint to a model with another grid or layout.

Encoders store positions in three kinds of tables:

- absolute positions, (1, L, D): one row per patch, preceded by a row for the class token if there
  is one;
- relative position biases of a map or window of H x W tokens, ((2 H - 1)(2 W - 1), heads): one row
  per offset between two tokens. Plain ViTs have three more rows at the end, for the pairs from the
  class token, to it, and of the class token with itself. (2 H - 1)(2 W - 1) is odd, so a table has
  these rows exactly if its length is even;
- relative positions along one axis, (2 H - 1, C), see :mod:`mcl_plugins.layers.position_bias`.
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
AXES = ('rel_pos_h', 'rel_pos_w')
CLASS_ROWS = 3


def fit_absolute_positions(state_dict: dict[str, Tensor], name: str, size: tuple[int, int]) -> None:
    """Resize absolute positions (bicubic) and remove the class token's row, in place.

    Args:
        state_dict: the state dict of a checkpoint; without such positions it is not changed.
        name: name of the positions in it.
        size: (rows, columns) of patches in the model.

    Example:
        >>> state = {'pos_embed': torch.zeros(1, 1 + 14 * 14, 8)}
        >>> fit_absolute_positions(state, 'pos_embed', (32, 32))
        >>> state['pos_embed'].shape
        torch.Size([1, 1024, 8])
    """
    positions = state_dict.get(name)
    if positions is None or positions.ndim != 3:
        return
    side = int(positions.shape[1] ** 0.5)
    extra = positions.shape[1] - side * side
    if extra <= 1:  # otherwise the grid is not square, and loading reports the shape
        state_dict[name] = resize_pos_embed(
            positions[:, extra:], (side, side), size, 'bicubic', num_extra_tokens=0
        )


def expand_shared_table(state_dict: dict[str, Tensor], prefix: str, num_layers: int) -> None:
    """Copy the bias table that all blocks shared in pre-training to each block, in place.

    Args:
        state_dict: the state dict of a checkpoint; without a shared table it is not changed.
        prefix: prefix of the encoder's tensors in it.
        num_layers: number of blocks.

    Example:
        >>> state = {'rel_pos_bias.relative_position_bias_table': torch.zeros(9, 2)}
        >>> expand_shared_table(state, prefix='', num_layers=1)
        >>> list(state)
        ['layers.0.attn.relative_position_bias_table']
    """
    for name in (TABLE, INDEX):
        if f'{prefix}rel_pos_bias.{name}' not in state_dict:
            continue
        shared = state_dict.pop(f'{prefix}rel_pos_bias.{name}')
        for layer in range(num_layers):
            state_dict[f'{prefix}layers.{layer}.attn.{name}'] = shared.clone()


def fit_block_tables(
    state_dict: dict[str, Tensor], prefix: str, wanted: Mapping[str, Tensor], how: str = 'spline'
) -> None:
    """Resize the relative position tables whose length differs from the model's, in place.

    Args:
        state_dict: the state dict of a checkpoint.
        prefix: prefix of the encoder's tensors in it.
        wanted: the encoder's own state dict.
        how: method of resizing, one of ``RESIZERS``.

    Example:
        >>> name = 'layers.0.attn.relative_position_bias_table'
        >>> index = 'layers.0.attn.relative_position_index'
        >>> state = {name: torch.zeros(9, 2)}  # 2 x 2 patches
        >>> wanted = {name: torch.zeros(25, 2), index: torch.zeros(9, 9)}  # 3 x 3 patches
        >>> fit_block_tables(state, '', wanted)
        >>> state[name].shape
        torch.Size([25, 2])
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
    """Compute tables that several blocks share from the tables of a checkpoint, in place.

    Each table of the model is set to the table that all blocks shared in pre-training, or to the
    mean of the tables of all blocks (our choice; MIMDet does not specify it), resized as in MIMDet.
    The tables of such a model for another image size are resized. A checkpoint without relative
    positions is not changed.

    Args:
        state_dict: the state dict of a checkpoint.
        prefix: prefix of the encoder's tensors in it.
        wanted: the encoder's own state dict.

    Example:
        >>> state = {'layers.0.attn.relative_position_bias_table': torch.ones(9, 2)}
        >>> fit_shared_tables(state, '', {f'window_bias.{TABLE}': torch.zeros(9, 2)})
        >>> list(state)
        ['window_bias.relative_position_bias_table']
    """
    names = [name for name in wanted if name.endswith(TABLE)]
    own = [name for name in names if prefix + name in state_dict]
    for name in own:
        if len(state_dict[prefix + name]) != len(wanted[name]):
            table = state_dict[prefix + name]
            state_dict[prefix + name] = resize_table(table, len(wanted[name]), 'bicubic')
    if own:
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


def fit_axis_tables(
    state_dict: dict[str, Tensor], prefix: str, wanted: Mapping[str, Tensor]
) -> None:
    """Resize the relative positions along one axis whose length differs from the model's, in place.

    Args:
        state_dict: the state dict of a checkpoint.
        prefix: prefix of the encoder's tensors in it.
        wanted: the encoder's own state dict.

    Example:
        >>> state = {'layers.0.attn.rel_pos_h': torch.zeros(7, 12)}  # 4 rows
        >>> fit_axis_tables(state, '', {'layers.0.attn.rel_pos_h': torch.zeros(11, 12)})
        >>> state['layers.0.attn.rel_pos_h'].shape
        torch.Size([11, 12])
    """
    for name, target in wanted.items():
        if name.endswith(AXES) and prefix + name in state_dict:
            state_dict[prefix + name] = resize_axis(state_dict[prefix + name], len(target))


def resize_axis(table: Tensor, length: int) -> Tensor:
    """Interpolate relative positions along one axis linearly, as detectron2's ViTDet does.

    Args:
        table: (2 H - 1, C).
        length: number of rows of the result.

    Returns:
        (length, C); the table itself if it has this length.

    Example:
        >>> resize_axis(torch.tensor([[0.0], [3], [6]]), 5).flatten()
        tensor([0.0000, 1.2000, 3.0000, 4.8000, 6.0000])
    """
    if len(table) == length:
        return table
    return F.interpolate(table.T[None], size=length, mode='linear')[0].T


def resize_table(table: Tensor, length: int, how: str = 'spline') -> Tensor:
    """Resize a relative position table from one square grid to another.

    Args:
        table: (rows, heads). Rows of the class token are copied unchanged.
        length: number of rows of the result; if it is odd, the class token's rows are removed.
        how: one of ``RESIZERS``: ``'spline'``, ``'bilinear'`` or ``'bicubic'``.

    Returns:
        (length, heads), with the data type of ``table``.

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
    """Interpolate by cubic splines over geometrically spaced offsets (BEiT's released code).

    The old offsets are placed in the new range with a spacing that starts at 1 and grows by a
    constant factor. So the biases of neighbouring patches stay nearly the same, and those of
    distant patches are interpolated. A table of one patch has a single bias for all of them.
    """
    if maps.shape[-1] == 1:
        return maps.expand(-1, side, side)
    old = geometric_offsets(maps.shape[-1] // 2, side // 2)
    new = np.arange(side) - side // 2
    degree = min(3, maps.shape[-1] - 1)
    heads = [
        RectBivariateSpline(old, old, head, kx=degree, ky=degree)(new, new)
        for head in maps.double().cpu().numpy()
    ]
    return torch.from_numpy(np.stack(heads))


def _stretch(maps: Tensor, side: int, mode: str) -> Tensor:
    """Interpolate evenly, so that a bias belongs to the same fraction of the image as before."""
    return F.interpolate(maps[None].float(), (side, side), mode=mode, align_corners=False)[0]


# (heads, 2 H - 1, 2 W - 1) maps and the new side -> (heads, side, side).
RESIZERS: dict[str, Callable[[Tensor, int], Tensor]] = {
    'spline': _spline,  # BEiT's and ConMIM's released code
    'bilinear': partial(_stretch, mode='bilinear'),  # ConMIM, Table 12
    'bicubic': partial(_stretch, mode='bicubic'),  # MIMDet's released code
}


def geometric_offsets(count: int, reach: int) -> np.ndarray:
    """Place 2 count + 1 offsets from -reach to reach with a spacing that grows geometrically.

    The spacing on both sides of 0 is 1. If only the neighbours fit into the range, no growth places
    the others in it: all spacings are 1, and the farther offsets are outside.

    Example:
        >>> geometric_offsets(2, 3)
        array([-3., -1.,  0.,  1.,  3.])
        >>> geometric_offsets(2, 1)
        array([-2., -1.,  0.,  1.,  2.])
    """
    powers = np.arange(count)
    if reach < 2:
        steps = 1.0 + powers
    elif count == 1:
        steps = np.array([float(reach)])
    else:
        steps = np.cumsum(brentq(lambda q: (q**powers).sum() - reach, 1e-3, 1e3) ** powers)
    return np.concatenate((-steps[::-1], [0.0], steps))
