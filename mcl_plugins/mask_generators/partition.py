"""Random partitions: every patch is shown to the student, but never all at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class Partition(nn.Module):
    """Cut the shuffled patches of each image into disjoint chunks of equal length.

    A chunk has ``floor(L / num_chunks)`` of the L patches. What is left over when that does not
    divide, ``L mod num_chunks`` patches (4 of 196 with 8 chunks), is in no chunk this time. Nothing
    is hidden for good, so there is no mask: a partition is the patches of each chunk.

    Args:
        num_chunks: n of Masked MoCo's Eq. 3; one chunk is the whole image.
        name: what error messages call ``num_chunks``.

    Raises:
        ValueError: not a whole number, or fewer than one chunk.
    """

    def __init__(self, num_chunks: int, name: str = 'num_chunks') -> None:
        super().__init__()
        if type(num_chunks) is not int or num_chunks < 1:
            raise ValueError(
                f'{name}={num_chunks!r} must be a whole number, at least 1, which shows the whole '
                'image; for example 8.'
            )
        self.num_chunks = num_chunks
        self.name = name

    def forward(
        self, batch_size: int, grid: tuple[int, int], device: torch.device
    ) -> Tensor | None:
        """Draw the chunks of ``batch_size`` images of ``grid`` = (rows, columns) patches.

        Returns:
            As :meth:`from_noise`; None for one chunk, whose patches need not be gathered.
        """
        if self.num_chunks == 1:
            return None
        return self.from_noise(torch.rand(batch_size, grid[0] * grid[1], device=device))

    def from_noise(self, noise: Tensor) -> Tensor:
        """The chunks that given scores stand for.

        Args:
            noise: (N, L), one number a patch in raster order; ascending order is the shuffle.

        Returns:
            (N, num_chunks, L // num_chunks) int64, the patches of each chunk.
        """
        length = self.chunk_length(noise.shape[1])
        order = noise.argsort(dim=1)[:, : self.num_chunks * length]
        return order.unflatten(1, (self.num_chunks, length))

    def chunk_length(self, patches: int) -> int:
        """How many of an image's patches are in each chunk.

        Raises:
            ValueError: there are fewer patches than chunks.
        """
        if patches < self.num_chunks:
            raise ValueError(
                f'{self.name}={self.num_chunks} is more than the {patches} patches of an image; '
                'choose fewer chunks, smaller patches or larger images.'
            )
        return patches // self.num_chunks
