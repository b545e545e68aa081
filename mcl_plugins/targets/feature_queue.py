"""The queue of keys of earlier batches, which are the negatives of the queries (MoCo)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.collectives import gather_keys


class FeatureQueue(nn.Module):
    """A first-in, first-out queue of the last ``length`` keys of all processes (MoCo's dictionary).

    It is initialised with random unit vectors, the same on every process, and all processes always
    hold the same keys in the same order. Its length need not be a multiple of the batch size: a
    batch that reaches the end of the queue continues at its beginning.

    Args:
        dim: C, the dimension of a key.
        length: K, the number of keys.
        seed: seed of the initial random keys.

    Attributes:
        keys: (C, K) L2-normalised columns, a buffer.
        pointer: (1,) int64, the column that the next key replaces, a buffer.

    Raises:
        ValueError: ``dim`` or ``length`` is less than 1.

    Example:
        >>> queue = FeatureQueue(dim=2, length=4)
        >>> queue.enqueue(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
        >>> queue.keys[:, :3].T.tolist(), queue.pointer.item()
        ([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], 3)
    """

    keys: Tensor
    pointer: Tensor

    def __init__(self, dim: int, length: int, seed: int = 0) -> None:
        super().__init__()
        if dim < 1 or length < 1:
            raise ValueError(
                f'A queue of length={length} keys of dim={dim} holds nothing; both must be at '
                'least 1.'
            )
        # MMEngine's DDP does not broadcast buffers, and each process has another global seed.
        generator = torch.Generator().manual_seed(seed)
        keys = torch.randn(dim, length, generator=generator, device='cpu')
        self.register_buffer('keys', F.normalize(keys, dim=0))
        self.register_buffer('pointer', torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Replace the oldest keys by the new keys of all processes, in the order of their ranks.

        :attr:`keys` becomes a new tensor, so the backward pass of a loss that used the old one is
        still valid.

        Args:
            keys: (N, C), the L2-normalised keys of this process.

        Raises:
            ValueError: there are more keys than the queue can hold.
        """
        keys = gather_keys(keys)
        length = self.keys.shape[1]
        if len(keys) > length:
            raise ValueError(
                f'A batch of {len(keys)} images on all processes does not fit into a queue of '
                f'length={length}: use a smaller batch (and gradient accumulation) or a longer '
                'queue.'
            )
        columns = (self.pointer + torch.arange(len(keys), device=keys.device)) % length
        self.keys = self.keys.index_copy(1, columns, keys.T.to(self.keys.dtype))
        self.pointer = (self.pointer + len(keys)) % length
