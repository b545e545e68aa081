"""Attention that turns queries and keys by their positions (rotary positions, DINOv3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .self_attention import SelfAttention


class RotaryAttention(SelfAttention):
    """mmpretrain's attention, with rotary positions of the patches.

    Attributes:
        rotation: cosines and sines (L, head width) of the L last tokens, see :func:`rotation_of`;
            the encoder sets them for the images of a forward pass. None turns nothing.

    Example:
        >>> attention = RotaryAttention(8, 2)
        >>> attention.rotation = rotation_of((2, 2), 4)
        >>> attention(torch.zeros(1, 1 + 4, 8)).shape
        torch.Size([1, 5, 8])
    """

    rotation: tuple[Tensor, Tensor] | None = None

    def place(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Turn the patches, which are the last tokens."""
        if self.rotation is None:
            return query, key
        return turn(query, *self.rotation), turn(key, *self.rotation)


def rotation_of(
    grid: tuple[int, int], width: int, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Return the turns of the patches of a grid.

    The centres of the patches are in [-1, 1] along each axis, and turn by 2 pi / period. A quarter
    of the width has its own period from 1 to 100, for rows first, then for columns.

    Args:
        grid: rows and columns.
        width: of a head, a multiple of 4.
        device: where they are computed.

    Returns:
        Cosines and sines, (rows * columns, width) each.

    Example:
        >>> cosine, sine = rotation_of((1, 1), 4)  # the centre is not turned
        >>> cosine, sine
        (tensor([[1., 1., 1., 1.]]), tensor([[0., 0., 0., 0.]]))
    """
    periods = 100.0 ** torch.arange(0, 1, 4 / width, device=device)
    axes = [2 * (torch.arange(side, device=device) + 0.5) / side - 1 for side in grid]
    places = torch.stack(torch.meshgrid(*axes, indexing='ij'), dim=-1).flatten(0, 1)  # (L, 2)
    angles = (2 * math.pi * places[:, :, None] / periods).flatten(1).tile(2)
    return angles.cos(), angles.sin()


def turn(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn the last tokens of (N, heads, T, width) by (L, width), in pairs of both halves."""
    first, patches = x[..., : -len(cosine), :], x[..., -len(cosine) :, :]
    left, right = patches.chunk(2, dim=-1)
    cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
    turned = patches * cosine + torch.cat((-right, left), dim=-1) * sine
    return torch.cat((first, turned), dim=-2)
