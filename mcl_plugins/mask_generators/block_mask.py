"""Masks made of random rectangles (BEiT, Algorithm 1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..registry import MODELS
from .patch_mask import PatchMask, check_mask_ratio, num_hidden


@MODELS.register_module()
class BlockMask(nn.Module):
    """Hide the union of random rectangles, drawn for a whole batch on its device.

    As in BEiT, rectangles are added while they fit: area uniform between ``min_area`` and what
    is still to be hidden, aspect ratio log-uniform, place uniform, accepted when they hide
    something new and not too much. BEiT stops near the wanted number; here the mask is
    completed patch by patch along its border, so that every image hides exactly the same number.

    Args:
        mask_ratio: share of the patches that is hidden, in (0, 1); the count is rounded up.
        min_area: smallest rectangle, in patches.
        min_aspect: smallest height / width; the largest is its inverse.
        rounds: rectangles proposed to each image.
    """

    def __init__(
        self, mask_ratio: float, min_area: int = 16, min_aspect: float = 0.3, rounds: int = 64
    ) -> None:
        super().__init__()
        self.mask_ratio = check_mask_ratio(mask_ratio)
        if min_area < 1 or not 0 < min_aspect <= 1:
            raise ValueError(
                f'min_area={min_area} must be at least 1 patch, and min_aspect={min_aspect} in '
                '(0, 1]: the smallest height / width, for example 0.3.'
            )
        self.min_area = min_area
        self.min_aspect = min_aspect
        self.rounds = rounds

    def forward(self, batch_size: int, grid: tuple[int, int], device: torch.device) -> PatchMask:
        """Draw masks for ``batch_size`` images of ``grid`` = (rows, columns) patches."""
        target = num_hidden(grid[0] * grid[1], self.mask_ratio)
        hidden = torch.zeros(batch_size, *grid, dtype=torch.bool, device=device)
        for draws in torch.rand(self.rounds, 4, batch_size, device=device):
            missing = target - hidden.sum(dim=(1, 2))
            block = self._rectangles(draws, missing, grid)
            new = (block & ~hidden).sum(dim=(1, 2))
            accepted = (new > 0) & (new <= missing)
            hidden |= block & accepted[:, None, None]
        return self._complete(hidden, target)

    def _rectangles(self, draws: Tensor, missing: Tensor, grid: tuple[int, int]) -> Tensor:
        """One rectangle an image from (4, N) uniform numbers: (N, rows, columns) bool."""
        area = self.min_area + draws[0] * (missing - self.min_area)
        aspect = torch.exp((2 * draws[1] - 1) * math.log(1 / self.min_aspect))
        height = (area * aspect).sqrt().round()
        width = (area / aspect).sqrt().round()
        top = (draws[2] * (grid[0] - height + 1)).floor()
        left = (draws[3] * (grid[1] - width + 1)).floor()
        row = torch.arange(grid[0], device=draws.device)
        column = torch.arange(grid[1], device=draws.device)
        in_rows = (row >= top[:, None]) & (row < (top + height)[:, None])
        in_columns = (column >= left[:, None]) & (column < (left + width)[:, None])
        fits = (height < grid[0]) & (width < grid[1])
        return in_rows[:, :, None] & in_columns[:, None, :] & fits[:, None, None]

    @staticmethod
    def _complete(hidden: Tensor, target: int) -> PatchMask:
        """Hide more patches, those with most hidden neighbours first, up to ``target``."""
        around = 9 * F.avg_pool2d(hidden[:, None].float(), 3, stride=1, padding=1)[:, 0]
        ranks = 10 * hidden + around + torch.rand_like(around)
        return PatchMask.from_ranks(ranks.flatten(1), hidden[0].numel() - target)
