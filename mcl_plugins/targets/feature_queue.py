"""The queue of keys of past batches, from which queries take their negatives."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.collectives import gather_keys


class FeatureQueue(nn.Module):
    """First in, first out: the last ``length`` keys of all processes (MoCo's dictionary).

    It starts as random directions, the same on every process. Batches may wrap around its end and
    need not divide it, and all processes hold the same keys in the same order.

    Args:
        dim: C, the width of a key.
        length: K, how many keys are kept.
        seed: of the directions that it starts with.

    Attributes:
        keys: (C, K) L2-normalised columns, a buffer.
        pointer: (1,) int64, the column that the next key replaces, a buffer.

    Raises:
        ValueError: a length or width below 1.
    """

    keys: Tensor
    pointer: Tensor

    def __init__(self, dim: int, length: int, seed: int = 0) -> None:
        super().__init__()
        if dim < 1 or length < 1:
            raise ValueError(f'A queue of length={length} keys of dim={dim} holds nothing.')
        # DDP does not broadcast buffers, and processes have different seeds: hence one of its own.
        generator = torch.Generator().manual_seed(seed)
        keys = torch.randn(dim, length, generator=generator, device='cpu')
        self.register_buffer('keys', F.normalize(keys, dim=0))
        self.register_buffer('pointer', torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Replace the oldest keys by those of all processes, in rank order.

        The graph of a loss that has read :attr:`keys` stays valid: it holds the old tensor.

        Args:
            keys: (N, C), L2-normalised, of this process.

        Raises:
            ValueError: more keys than the queue is long.
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
