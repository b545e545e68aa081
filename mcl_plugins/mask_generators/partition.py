"""Random partitions of the patches of an image into disjoint chunks (Masked MoCo)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class Partition(nn.Module):
    """Shuffle the patches of each image and split them into disjoint chunks of equal length.

    Each chunk has ``floor(L / num_chunks)`` of the L patches. If ``num_chunks`` does not divide L,
    the remaining ``L mod num_chunks`` patches (4 of 196 with 8 chunks) are in no chunk; a new draw
    leaves out others. The encoder encodes every chunk, so no patch is masked, and the result is not
    a :class:`PatchMask` but the indices of the patches in each chunk.

    Args:
        num_chunks: n of Masked MoCo's Eq. 3; with 1 the only chunk is the whole image.
        name: name of ``num_chunks`` in error messages.

    Raises:
        ValueError: ``num_chunks`` is not a whole number, or is less than 1.

    Example:
        >>> Partition(num_chunks=2).from_noise(torch.tensor([[0.3, 0.9, 0.1, 0.6]])).tolist()
        [[[2, 0], [3, 1]]]
    """

    def __init__(self, num_chunks: int, name: str = 'num_chunks') -> None:
        super().__init__()
        if type(num_chunks) is not int or num_chunks < 1:
            raise ValueError(
                f'{name}={num_chunks!r} must be a whole number, at least 1 (one chunk is the whole '
                'image); for example 8.'
            )
        self.num_chunks = num_chunks
        self.name = name

    def forward(
        self, batch_size: int, grid: tuple[int, int], device: torch.device
    ) -> Tensor | None:
        """Draw the chunks of ``batch_size`` images of ``grid`` = (rows, columns) patches.

        Returns:
            As :meth:`from_noise`; None if there is one chunk, because it holds all patches.
        """
        if self.num_chunks == 1:
            return None
        return self.from_noise(torch.rand(batch_size, grid[0] * grid[1], device=device))

    def from_noise(self, noise: Tensor) -> Tensor:
        """Make the chunks that belong to given random numbers.

        Args:
            noise: (N, L), one number per patch in raster order. Sorting the patches by it shuffles
                them.

        Returns:
            (N, num_chunks, L // num_chunks) int64, the indices of the patches in each chunk.
        """
        length = self.chunk_length(noise.shape[1])
        order = noise.argsort(dim=1)[:, : self.num_chunks * length]
        return order.unflatten(1, (self.num_chunks, length))

    def chunk_length(self, patches: int) -> int:
        """Return the number of patches in each chunk of an image of ``patches`` patches.

        Raises:
            ValueError: there are fewer patches than chunks.
        """
        if patches < self.num_chunks:
            raise ValueError(
                f'{self.name}={self.num_chunks} is more than the {patches} patches of an image; '
                'choose fewer chunks, smaller patches or larger images.'
            )
        return patches // self.num_chunks
