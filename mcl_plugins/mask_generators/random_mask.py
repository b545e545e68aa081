"""Uniform random masks over square units of patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .patch_mask import PatchMask, check_mask_ratio, num_hidden, upsample_patches


@MODELS.register_module()
class RandomMask(nn.Module):
    """Hide a random set of square units, drawn for a whole batch on its device.

    With 16 px patches, ``unit=1`` masks single patches (MAE) and ``unit=2`` masks 32 px units
    (SimMIM; ConMIM's ViT-B, Table 10).

    Args:
        mask_ratio: share of the units that is hidden, in (0, 1); the count is rounded up.
        unit: side of a unit, in patches.

    Raises:
        ValueError: a ratio outside (0, 1), or a unit that is no whole number of patches.
    """

    def __init__(self, mask_ratio: float, unit: int = 1) -> None:
        super().__init__()
        self.mask_ratio = check_mask_ratio(mask_ratio)
        if type(unit) is not int or unit < 1:
            raise ValueError(
                f'unit={unit!r} must be a whole number of patches, at least 1, which masks single '
                'patches.'
            )
        self.unit = unit

    def forward(self, batch_size: int, grid: tuple[int, int], device: torch.device) -> PatchMask:
        """Draw masks for ``batch_size`` images of ``grid`` = (rows, columns) patches."""
        rows, columns = self._units(grid)
        return self.from_noise(torch.rand(batch_size, rows * columns, device=device), grid)

    def from_noise(self, noise: Tensor, grid: tuple[int, int]) -> PatchMask:
        """The masks that given unit scores stand for.

        Args:
            noise: (N, units), one number a unit in raster order; the largest are hidden.
            grid: (rows, columns) of patches.
        """
        rows, columns = self._units(grid)
        visible = rows * columns - num_hidden(rows * columns, self.mask_ratio)
        # Ranks instead of scores: two equal scores must not split a unit.
        ranks = upsample_patches(noise.argsort(dim=1).argsort(dim=1), (rows, columns), grid)
        return PatchMask.from_ranks(ranks.flatten(1), visible * self.unit**2)

    def _units(self, grid: tuple[int, int]) -> tuple[int, int]:
        if grid[0] % self.unit or grid[1] % self.unit:
            raise ValueError(
                f'A grid of {grid[0]}x{grid[1]} patches cannot be tiled by mask units of '
                f'{self.unit}x{self.unit} patches; choose an image size that is a multiple of '
                f'{self.unit} patches, or another unit.'
            )
        return grid[0] // self.unit, grid[1] // self.unit
