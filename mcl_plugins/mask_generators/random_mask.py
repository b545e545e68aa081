"""Uniform random masks over square units of patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .patch_mask import PatchMask, check_mask_ratio, num_masked, upsample_patches


@MODELS.register_module()
class RandomMask(nn.Module):
    """Mask a random set of square units, drawn for all images of a batch at once, on its device.

    With 16 px patches, ``unit=1`` masks single patches (MAE) and ``unit=2`` masks units of 32 px
    (SimMIM; ConMIM's ViT-B, Table 10).

    Args:
        mask_ratio: share of the units that is masked, in (0, 1); the number is rounded up.
        unit: side of a unit, in patches.

    Raises:
        ValueError: ``mask_ratio`` is outside (0, 1), or ``unit`` is not a positive whole number.

    Example:
        >>> mask = RandomMask(mask_ratio=0.75, unit=2)(8, (14, 14), torch.device('cpu'))
        >>> mask.mask.shape, mask.len_keep  # 12 of 49 units stay visible, 4 patches each
        (torch.Size([8, 196]), 48)
    """

    def __init__(self, mask_ratio: float, unit: int = 1) -> None:
        super().__init__()
        self.mask_ratio = check_mask_ratio(mask_ratio)
        if type(unit) is not int or unit < 1:
            raise ValueError(
                f'unit={unit!r} must be a whole number of patches, at least 1 (which masks single '
                'patches).'
            )
        self.unit = unit

    def forward(self, batch_size: int, grid: tuple[int, int], device: torch.device) -> PatchMask:
        """Draw masks for ``batch_size`` images of ``grid`` = (rows, columns) patches."""
        rows, columns = self._units(grid)
        return self.from_noise(torch.rand(batch_size, rows * columns, device=device), grid)

    def from_noise(self, noise: Tensor, grid: tuple[int, int]) -> PatchMask:
        """Make the masks that belong to given random numbers.

        Args:
            noise: (N, units), one number per unit in raster order; the units with the largest
                numbers are masked.
            grid: (rows, columns) of patches.

        Raises:
            ValueError: units of this size do not tile the grid, or all of them would be masked.

        Example:
            >>> noise = torch.tensor([[0.1, 0.9]])  # two units of 2 x 2 patches
            >>> mask = RandomMask(mask_ratio=0.5, unit=2).from_noise(noise, grid=(2, 4))
            >>> mask.mask.view(2, 4).int().tolist()
            [[0, 0, 1, 1], [0, 0, 1, 1]]
        """
        rows, columns = self._units(grid)
        visible = rows * columns - num_masked(rows * columns, self.mask_ratio)
        # Ranks, which are distinct: two units with equal numbers would otherwise mix their patches.
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
