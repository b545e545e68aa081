"""Activation checkpointing of transformer blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run_block(block: Callable, *inputs: Tensor | tuple[int, int] | None, recompute: bool) -> Tensor:
    """Call a block, with activation checkpointing if ``recompute`` is True.

    Recomputing the activations in the backward pass saves the memory of all blocks but one and
    takes about a third more time. Outputs and gradients are the same, also with stochastic depth,
    because the state of the random number generator is restored.

    Args:
        block: a transformer block.
        *inputs: arguments of the block.
        recompute: store only the inputs and compute the block again in the backward pass.

    Returns:
        The block's output.

    Example:
        >>> run_block(nn.ReLU(), torch.tensor([-1.0, 2.0]), recompute=True)
        tensor([0., 2.])
    """
    if not recompute or not torch.is_grad_enabled():
        return block(*inputs)
    return checkpoint(block, *inputs, use_reentrant=False)


class RecomputedBlock(TransformerEncoderLayer):
    """mmpretrain's transformer block with activation checkpointing, for loops that are not ours."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute a block (N, T, D) -> (N, T, D), and again in the backward pass."""
        return run_block(super().forward, x, recompute=True)


class RecomputedSwinBlock(SwinBlock):
    """mmpretrain's Swin block with activation checkpointing.

    Its own ``with_cp`` is PyTorch's earlier, reentrant form, which allows no ``autograd.grad`` and
    restricts DDP.
    """

    def forward(self, x: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        """Compute a block (N, H W, D) -> (N, H W, D), and again in the backward pass."""
        return run_block(super().forward, x, hw_shape, recompute=True)


def recompute_blocks(layers: Iterable[nn.Module]) -> None:
    """Let mmpretrain's blocks be recomputed in the backward pass."""
    for layer in layers:
        layer.__class__ = RecomputedSwinBlock if isinstance(layer, SwinBlock) else RecomputedBlock
