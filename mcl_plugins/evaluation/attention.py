"""Attention maps of the class token in the last block, as DINO and ConMIM (Fig. 3) show them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..layers.class_attention import class_logits


@torch.no_grad()
def class_attention_maps(backbone: Any, images: Tensor) -> Tensor:
    """Compute the attention of the class token to each patch in the last block.

    Args:
        backbone: a vision transformer with a class token; with or without relative positions,
            rotary positions and registers.
        images: (N, 3, H, W), normalised, of a size that the backbone takes.

    Returns:
        (N, heads, rows, columns) float32. The sum of a map is 1 minus the attention of the class
        token to itself and to registers.

    Raises:
        ValueError: the backbone has no class token, for example a Swin transformer.

    Example:
        >>> from mcl_plugins.backbones import VisionTransformer
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = VisionTransformer(arch, img_size=32, patch_size=8)
        >>> class_attention_maps(model, torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 2, 4, 4])
    """
    if getattr(backbone, 'cls_token', None) is None:
        raise ValueError(
            f'{type(backbone).__name__} has no class token whose attention could be drawn; use a '
            'vision transformer with a class token.'
        )
    block = backbone.layers[-1]
    seen: list[Tensor] = []
    grids: list[tuple[int, int]] = []

    def compare(_: Any, args: tuple, kwargs: dict) -> None:
        attention = block.attn
        tokens = block.ln1(args[0])
        if hasattr(attention, 'rotation'):
            logits = rotated_class_logits(attention, tokens)
        else:
            logits = class_logits(attention, tokens)  # (N, heads, T)
        if hasattr(attention, 'position_bias'):
            bias = attention.position_bias(*args[1:], **kwargs)  # (heads, T, T)
            if bias is not None:
                logits = logits + bias[:, 0]
        seen.append(logits.softmax(dim=-1))

    handles = [
        block.register_forward_pre_hook(compare, with_kwargs=True),
        # Not patch_resolution: with rotary positions, images may have other sizes.
        backbone.patch_embed.register_forward_hook(lambda _, __, output: grids.append(output[1])),
    ]
    try:
        backbone(images)
    finally:
        for handle in handles:
            handle.remove()
    rows, columns = grids[0]
    # The patches are the last tokens, after the class token and registers.
    return seen[0][..., -rows * columns :].unflatten(-1, (rows, columns))


def rotated_class_logits(attention: Any, tokens: Tensor) -> Tensor:
    """Compute what :func:`~.class_logits` does, for keys that are turned by their positions.

    Each key is turned differently, so the query cannot be multiplied into the key projection.

    Args:
        attention: a ``RotaryAttention`` of a block whose encoder has set ``rotation``; this module
            does not import the class, which brings dense libraries.
        tokens: (N, T, D), after the block's first layer norm.

    Returns:
        (N, heads, T), float32 (float64 for float64 weights), also under autocast.
    """
    with torch.autocast(tokens.device.type, enabled=False):
        qkv = attention.qkv(tokens.to(attention.qkv.weight.dtype))
        query, key, _ = qkv.unflatten(-1, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key = attention.place(query, key)
        return (query[:, :, :1] @ key.mT)[:, :, 0] * query.shape[-1] ** -0.5
