"""The mask of a batch and the index tensors that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchMask:
    """Which patches of each image are hidden from the student, with MAE's names.

    Every image of a batch hides the same number of patches, so that all shapes are static. L
    counts the patches in raster order; the class token is not among them.

    Attributes:
        mask: (N, L) bool, True = hidden.
        ids_shuffle: (N, L) int64, a permutation of the patches, the visible ones first.
        len_keep: how many patches of an image are visible.

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
        """(N, len_keep) int64, the visible patches, in the order in which they were drawn."""
        return self.ids_shuffle[:, : self.len_keep]

    @property
    def ids_mask(self) -> Tensor:
        """(N, L - len_keep) int64, the hidden patches."""
        return self.ids_shuffle[:, self.len_keep :]

    @property
    def ids_restore(self) -> Tensor:
        """(N, L) int64, the position of each patch in ``ids_shuffle`` (its inverse)."""
        return self.ids_shuffle.argsort(dim=1)

    @classmethod
    def from_ranks(cls, ranks: Tensor, len_keep: int) -> PatchMask:
        """Hide all but the ``len_keep`` patches of lowest rank.

        Args:
            ranks: (N, L), any dtype; equal ranks keep raster order.
            len_keep: visible patches of an image.
        """
        ids_shuffle = ranks.argsort(dim=1, stable=True)
        mask = torch.ones_like(ids_shuffle, dtype=torch.bool)
        mask.scatter_(1, ids_shuffle[:, :len_keep], False)
        return cls(mask, ids_shuffle, len_keep)

    @classmethod
    def from_mask(cls, mask: Tensor) -> PatchMask:
        """Wrap a given (N, L) bool mask, True = hidden.

        Raises:
            ValueError: the images hide different numbers of patches.
        """
        counts = mask.sum(dim=1)
        if (counts != counts[0]).any():
            raise ValueError(
                f'Every image must hide the same number of patches, got {counts.tolist()}.'
            )
        return cls.from_ranks(mask.long(), mask.shape[1] - int(counts[0]))


def upsample_patches(
    values: Tensor, grid: tuple[int, int], size: tuple[int, int] | torch.Size
) -> Tensor:
    """Repeat the value of each patch over the finer cells (tokens or pixels) that it covers.

    Args:
        values: (N, L), one value of any dtype for each patch, in raster order.
        grid: (rows, columns) of the patches; their product is L.
        size: (height, width) of the result, multiples of the grid.

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
            f'A grid of {grid[0]}x{grid[1]} patches does not divide a map of {size[0]}x{size[1]}; '
            'both sides must be multiples.'
        )
    rows = values.unflatten(1, grid).repeat_interleave(size[0] // grid[0], dim=1)
    return rows.repeat_interleave(size[1] // grid[1], dim=2)


def num_hidden(total: int, mask_ratio: float) -> int:
    """How many of ``total`` units a mask ratio hides: the ceiling, as the released codes round.

    The small slack keeps ratios that binary floats cannot hold (0.28 of 25) on their integer.
    """
    hidden = math.ceil(total * mask_ratio - 1e-6)
    if hidden >= total:
        raise ValueError(
            f'mask_ratio={mask_ratio} hides all {total} units of the image; choose a smaller ratio '
            'or smaller mask units.'
        )
    return hidden


def check_mask_ratio(mask_ratio: float) -> float:
    """Return the ratio, or raise a ValueError unless it lies strictly between 0 and 1."""
    if not 0 < mask_ratio < 1:
        raise ValueError(
            f'mask_ratio={mask_ratio} is outside (0, 1): it is the share of patches to hide, '
            'for example 0.75.'
        )
    return mask_ratio
