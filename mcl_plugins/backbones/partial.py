"""Partial fine-tuning: only the last blocks are trained (MAE, section 4.3)."""

from __future__ import annotations

from typing import Any

from torch import nn


def freeze_all_but(encoder: Any, trained_blocks: float) -> list[nn.Module]:
    """Freeze a plain ViT but for its last blocks and what follows them.

    Args:
        encoder: mmpretrain's ``VisionTransformer``.
        trained_blocks: how many blocks are trained. The number of blocks freezes nothing, which is
            fine-tuning; 0 freezes the whole encoder; 0.5 trains the MLP of the last block and its
            norm.

    Returns:
        The frozen modules. They should stay in evaluation mode: stochastic depth would only add
        noise to features that are not trained.

    Raises:
        ValueError: ``trained_blocks`` is neither 0.5 nor a possible number of blocks.
    """
    blocks = list(encoder.layers)
    if trained_blocks not in (0.5, *range(len(blocks) + 1)):
        raise ValueError(
            f'trained_blocks={trained_blocks} must be 0.5 or a whole number from 0 to the '
            f'{len(blocks)} blocks of the encoder.'
        )
    if trained_blocks == len(blocks):
        return []
    if trained_blocks == 0:
        encoder.requires_grad_(False)
        return list(encoder.children())
    last = blocks[-1]
    whole = blocks[: -int(trained_blocks)] if trained_blocks >= 1 else blocks[:-1]
    halves = [] if trained_blocks >= 1 else [last.ln1, last.attn]
    frozen = [encoder.patch_embed, encoder.drop_after_pos, encoder.pre_norm, *whole, *halves]
    for module in frozen:
        module.requires_grad_(False)
    for parameter in (encoder.cls_token, encoder.pos_embed):
        if parameter is not None:
            parameter.requires_grad_(False)
    return frozen
