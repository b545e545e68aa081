"""Masks made of random rectangles (BEiT, Algorithm 1)."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..registry import MODELS
from .patch_mask import PatchMask, check_mask_ratio, num_masked


@MODELS.register_module()
class BlockMask(nn.Module):
    """Mask the union of random rectangles, drawn for all images of a batch at once, on its device.

    As in BEiT, random rectangles are proposed one after another. The area is uniform between
    ``min_area`` and the number of patches that are still to be masked, the aspect ratio is
    log-uniform, and the position is uniform. A rectangle is accepted if it masks at least one new
    patch and does not exceed the wanted number. BEiT stops near that number. Here single patches
    along the border of the mask are added, so that every image has exactly the same number of
    masked patches.

    Args:
        mask_ratio: share of the patches that is masked, in (0, 1); the number is rounded up.
        min_area: smallest area of a rectangle, in patches.
        min_aspect: smallest aspect ratio (height / width); the largest is its inverse.
        rounds: number of rectangles that are proposed for each image.

    Raises:
        ValueError: ``mask_ratio``, ``min_area`` or ``min_aspect`` is out of range, or no rectangle
            that may be proposed fits into the grid and the number of patches to be masked.

    Example:
        >>> mask = BlockMask(mask_ratio=0.4)(2, grid=(14, 14), device=torch.device('cpu'))
        >>> mask.mask.sum(dim=1).tolist()  # 0.4 x 196 = 78.4, rounded up
        [79, 79]
    """

    def __init__(
        self, mask_ratio: float, min_area: int = 16, min_aspect: float = 0.3, rounds: int = 64
    ) -> None:
        super().__init__()
        self.mask_ratio = check_mask_ratio(mask_ratio)
        if min_area < 1 or not 0 < min_aspect <= 1:
            raise ValueError(
                f'min_area={min_area} must be at least 1 patch, and min_aspect={min_aspect}, the '
                'smallest height / width, must be in (0, 1], for example 0.3.'
            )
        self.min_area = min_area
        self.min_aspect = min_aspect
        self.rounds = rounds

    def forward(self, batch_size: int, grid: tuple[int, int], device: torch.device) -> PatchMask:
        """Draw masks for ``batch_size`` images of ``grid`` = (rows, columns) patches."""
        target = num_masked(grid[0] * grid[1], self.mask_ratio)
        self._check_fit(target, grid)
        masked = torch.zeros(batch_size, *grid, dtype=torch.bool, device=device)
        for draws in torch.rand(self.rounds, 4, batch_size, device=device):
            missing = target - masked.sum(dim=(1, 2))
            block = self._rectangles(draws, missing, grid)
            new = (block & ~masked).sum(dim=(1, 2))
            accepted = (new > 0) & (new <= missing)
            masked |= block & accepted[:, None, None]
        return self._complete(masked, target)

    def _check_fit(self, target: int, grid: tuple[int, int]) -> None:
        """Refuse a grid on which no block could be drawn: its masks would be random."""
        largest = largest_min_area(target, grid, self.min_aspect)
        if self.min_area <= largest:
            return
        remedies = [f'set min_area of the mask generator to {largest} at the most'] * (largest > 0)
        if self.min_area <= largest_min_area(target, grid, min_aspect=1e-6):
            remedies.append('lower min_aspect')
        raise ValueError(
            f'min_area={self.min_area}, min_aspect={self.min_aspect}: no rectangle of at least so '
            f'many patches and so near a square fits into a grid of {grid[0]} x {grid[1]} patches '
            f'of which {target} are masked; {", or ".join([*remedies, "use RandomMask"])}.'
        )

    def _rectangles(self, draws: Tensor, missing: Tensor, grid: tuple[int, int]) -> Tensor:
        """Turn (4, N) uniform numbers into one rectangle per image: (N, rows, columns) bool."""
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
    def _complete(masked: Tensor, target: int) -> PatchMask:
        """Mask more patches, up to ``target``; those with the most masked neighbours come first."""
        around = 9 * F.avg_pool2d(masked[:, None].float(), 3, stride=1, padding=1)[:, 0]
        ranks = 10 * masked + around + torch.rand_like(around)
        return PatchMask.from_ranks(ranks.flatten(1), masked.shape[1:].numel() - target)


@cache
def largest_min_area(target: int, grid: tuple[int, int], min_aspect: float) -> int:
    """Return the largest ``min_area`` with which :class:`BlockMask` can draw a first block.

    A proposal of area A and aspect a has the sides x = sqrt(A a) and y = sqrt(A / a), which are
    rounded. So the proposals that become h x w patches are those with x within 1/2 of h and y
    within 1/2 of w. Among them only those with a ratio x / y in range are drawn, and x y = A takes
    all values between its least and its largest there.

    Args:
        target: number of patches to be masked.
        grid: (rows, columns) of patches; a block has fewer of both.
        min_aspect: smallest aspect ratio; the largest is its inverse.

    Returns:
        The area in patches, ``target`` at the most; 0 if no block can be drawn.

    Example:
        >>> largest_min_area(16, (2, 20), 0.3)  # a row of up to 4 patches: x < 1.5, y < 5
        7
    """
    areas = [0]
    for height, width in product(range(1, grid[0]), range(1, grid[1])):
        low, high = (height - 0.5, width - 0.5), (height + 0.5, width + 0.5)
        least = [max(low[i], min_aspect * low[1 - i]) for i in (0, 1)]
        most = [min(high[i], high[1 - i] / min_aspect) for i in (0, 1)]
        in_range = least[0] < most[0] and least[1] < most[1]
        if in_range and height * width <= target and math.prod(least) < target:
            areas.append(math.ceil(math.prod(most)) - 1)  # an area below it, not at it
    return min(target, max(areas))
