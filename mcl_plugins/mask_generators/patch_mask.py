"""The mask of a batch and the index tensors that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PatchMask:
    """Which patches of each image the student does not see.

    Every image of a batch has the same number of hidden patches, so that all shapes are static.
    L counts the patches in raster order; the class token is not among them.

    Attributes:
        hidden: (N, L) bool, True = hidden from the student.
        order: (N, L) int64, a permutation of the patches, the visible ones first.
        num_visible: visible patches an image.
    """

    hidden: Tensor
    order: Tensor
    num_visible: int

    @property
    def visible_ids(self) -> Tensor:
        """(N, num_visible) int64, in the order in which they were drawn."""
        return self.order[:, : self.num_visible]

    @property
    def hidden_ids(self) -> Tensor:
        """(N, L - num_visible) int64."""
        return self.order[:, self.num_visible :]

    @property
    def restore_ids(self) -> Tensor:
        """(N, L) int64: where each patch stands in ``order`` (its inverse permutation)."""
        return self.order.argsort(dim=1)

    @classmethod
    def from_ranks(cls, ranks: Tensor, num_visible: int) -> PatchMask:
        """Hide all but the ``num_visible`` patches of lowest rank.

        Args:
            ranks: (N, L), any dtype; equal ranks keep raster order.
            num_visible: visible patches an image.
        """
        order = ranks.argsort(dim=1, stable=True)
        hidden = torch.ones_like(order, dtype=torch.bool)
        hidden.scatter_(1, order[:, :num_visible], False)
        return cls(hidden, order, num_visible)

    @classmethod
    def from_hidden(cls, hidden: Tensor) -> PatchMask:
        """Wrap a given (N, L) bool mask.

        Raises:
            ValueError: the images hide different numbers of patches.
        """
        counts = hidden.sum(dim=1)
        if (counts != counts[0]).any():
            raise ValueError(
                f'Every image must hide the same number of patches, got {counts.tolist()}.'
            )
        return cls.from_ranks(hidden.long(), hidden.shape[1] - int(counts[0]))


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
