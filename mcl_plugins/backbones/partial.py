"""Partial fine-tuning, in which only the last blocks are trained (MAE, section 4.3)."""

from __future__ import annotations

from typing import Any

from torch import nn


def freeze_all_but(encoder: Any, trained_blocks: float) -> list[nn.Module]:
    """Freeze a plain ViT except for its last blocks and the layers after them.

    Args:
        encoder: mmpretrain's ``VisionTransformer``.
        trained_blocks: number of blocks that are trained. With the number of all blocks nothing is
            frozen, which is fine-tuning. With 0 the whole encoder is frozen. With 0.5 the MLP of
            the last block and the norm before it are trained.

    Returns:
        The frozen modules. Keep them in evaluation mode, because drop path would only add noise to
        features that are not trained.

    Raises:
        ValueError: ``trained_blocks`` is neither 0.5 nor a number of blocks of this encoder.

    Example:
        >>> from mcl_plugins.backbones import VisionTransformer
        >>> arch = dict(embed_dims=24, num_layers=3, num_heads=2, feedforward_channels=48)
        >>> encoder = VisionTransformer(arch, img_size=32, patch_size=8)
        >>> _ = freeze_all_but(encoder, trained_blocks=1)
        >>> sorted({name[:8] for name, p in encoder.named_parameters() if p.requires_grad})
        ['layers.2', 'ln1.bias', 'ln1.weig']
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
    registers = getattr(encoder, 'register_tokens', None)
    for parameter in (encoder.cls_token, encoder.pos_embed, registers):
        if parameter is not None:
            parameter.requires_grad_(False)
    return frozen
