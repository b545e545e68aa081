"""Activation checkpointing: a block is computed again in the backward pass."""

from __future__ import annotations

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run_block(block: nn.Module, *inputs: Tensor | None, recompute: bool) -> Tensor:
    """Call a block, and keep its activations for the backward pass or compute them again there.

    Recomputing saves the memory of all blocks but one, for about a third more time. Outputs and
    gradients are the same, also with stochastic depth, whose random numbers are drawn again.

    Args:
        block: a transformer block.
        *inputs: its arguments.
        recompute: keep only the inputs, and compute the block again in the backward pass.

    Returns:
        The block's output.
    """
    return checkpoint(block, *inputs, use_reentrant=False) if recompute else block(*inputs)
