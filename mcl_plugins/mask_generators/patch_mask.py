"""The mask of a batch, its index tensors, and functions that apply them to patches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchMask:
    """Which patches of each image are masked, with MAE's names.

    All images of a batch have the same number of masked patches, so all shapes are static. The L
    patches are numbered in raster order; the class token is not one of them.

    Attributes:
        mask: (N, L) bool, True = masked.
        ids_shuffle: (N, L) int64, a permutation of the patches with the visible ones first.
        len_keep: number of visible patches per image.

    Example:
        >>> mask = PatchMask.from_mask(torch.tensor([[True, False, True, False]]))
        >>> mask.ids_keep.tolist(), mask.ids_mask.tolist()
        ([[1, 3]], [[0, 2]])
        >>> mask.ids_shuffle.gather(1, mask.ids_restore).tolist()
        [[0, 1, 2, 3]]
    """

    mask: Tensor
    ids_shuffle: Tensor
    len_keep: int

    @property
    def ids_keep(self) -> Tensor:
        """(N, len_keep) int64, indices of the visible patches, in the order they were drawn in."""
        return self.ids_shuffle[:, : self.len_keep]

    @property
    def ids_mask(self) -> Tensor:
        """(N, L - len_keep) int64, indices of the masked patches."""
        return self.ids_shuffle[:, self.len_keep :]

    @property
    def ids_restore(self) -> Tensor:
        """(N, L) int64, the inverse of ``ids_shuffle``: where each patch is in it."""
        return self.ids_shuffle.argsort(dim=1)

    @classmethod
    def from_ranks(cls, ranks: Tensor, len_keep: int) -> PatchMask:
        """Mask all patches except the ``len_keep`` with the lowest ranks.

        Args:
            ranks: (N, L), any dtype; patches of equal rank keep their raster order.
            len_keep: number of visible patches per image.
        """
        ids_shuffle = ranks.argsort(dim=1, stable=True)
        mask = torch.ones_like(ids_shuffle, dtype=torch.bool)
        mask.scatter_(1, ids_shuffle[:, :len_keep], False)
        return cls(mask, ids_shuffle, len_keep)

    @classmethod
    def from_mask(cls, mask: Tensor) -> PatchMask:
        """Make a :class:`PatchMask` of a given (N, L) bool mask, True = masked.

        Without images (N = 0), no patch counts as masked.

        Raises:
            ValueError: the images have different numbers of masked patches.
        """
        counts = mask.sum(dim=1)
        first = counts[:1]  # none without images
        if (counts != first).any():
            raise ValueError(
                f'All images must mask the same number of patches, got {counts.tolist()}.'
            )
        return cls.from_ranks(mask.long(), mask.shape[1] - int(first.sum()))


def gather_patches(values: Tensor, ids: Tensor) -> Tensor:
    """Select patches of each image by their indices.

    Whole vectors are copied, forward and backward. ``torch.gather`` would do it element by element.

    Args:
        values: (N, L, D), one vector per patch (or token).
        ids: (N, ...) int64, indices of patches, for example ``mask.ids_keep`` (N, V).

    Returns:
        (N, ..., D).

    Example:
        >>> values = torch.tensor([[[10.0], [20.0], [30.0]]])
        >>> gather_patches(values, torch.tensor([[2, 0]])).tolist()
        [[[30.0], [10.0]]]
    """
    batch, patches, _ = values.shape
    first = patches * torch.arange(batch, device=ids.device)
    rows = (ids.flatten(1) + first[:, None]).flatten()
    return values.flatten(0, 1).index_select(0, rows).unflatten(0, ids.shape)


def upsample_patches(
    values: Tensor, grid: tuple[int, int], size: tuple[int, int] | torch.Size
) -> Tensor:
    """Upsample one value per patch to a finer map by nearest-neighbour repetition.

    Args:
        values: (N, L), one value of any dtype per patch, in raster order.
        grid: (rows, columns) of patches; their product is L.
        size: (height, width) of the result, in tokens or pixels; multiples of the grid.

    Returns:
        (N, height, width).

    Raises:
        ValueError: the grid does not divide the size.

    Example:
        >>> upsample_patches(torch.tensor([[0, 1]]), grid=(1, 2), size=(2, 4)).tolist()
        [[[0, 0, 1, 1], [0, 0, 1, 1]]]
    """
    if size[0] % grid[0] or size[1] % grid[1]:
        raise ValueError(
            f'A grid of {grid[0]}x{grid[1]} patches does not divide a map of {size[0]}x{size[1]}: '
            'height and width of the map must be multiples of the rows and columns of the grid.'
        )
    rows = values.unflatten(1, grid).repeat_interleave(size[0] // grid[0], dim=1)
    return rows.repeat_interleave(size[1] // grid[1], dim=2)


def num_masked(total: int, mask_ratio: float) -> int:
    """Return how many of ``total`` units are masked: the product rounded up, as in released code.

    A small tolerance corrects ratios that binary floats cannot represent: 0.28 of 25 is 7, not 8.

    Raises:
        ValueError: all units would be masked.

    Example:
        >>> num_masked(196, 0.75), num_masked(25, 0.28)
        (147, 7)
    """
    masked = math.ceil(total * mask_ratio - 1e-6)
    if masked >= total:
        raise ValueError(
            f'mask_ratio={mask_ratio} masks all {total} units of the image; choose a smaller ratio '
            'or smaller mask units.'
        )
    return masked


def check_mask_ratio(mask_ratio: float) -> float:
    """Return the ratio, or raise a ValueError unless it lies strictly between 0 and 1.

    Example:
        >>> check_mask_ratio(0.75)
        0.75
    """
    if not 0 < mask_ratio < 1:
        raise ValueError(
            f'mask_ratio={mask_ratio} is outside (0, 1): it is the share of patches to mask, '
            'for example 0.75.'
        )
    return mask_ratio
