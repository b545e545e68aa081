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
        backbone: a vision transformer with a class token, with or without relative positions.
        images: (N, 3, H, W), normalised, of the size that the backbone was built for.

    Returns:
        (N, heads, rows, columns) float32. The sum of a map is 1 minus the attention of the class
        token to itself.

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

    def compare(_: Any, args: tuple, kwargs: dict) -> None:
        attention = block.attn
        logits = class_logits(attention, block.ln1(args[0]))  # (N, heads, 1 + L)
        if hasattr(attention, 'position_bias'):
            bias = attention.position_bias(*args[1:], **kwargs)  # (heads, 1 + L, 1 + L)
            if bias is not None:
                logits = logits + bias[:, 0]
        seen.append(logits.softmax(dim=-1)[..., 1:])

    handle = block.register_forward_pre_hook(compare, with_kwargs=True)
    try:
        backbone(images)
    finally:
        handle.remove()
    return seen[0].unflatten(-1, backbone.patch_resolution)
