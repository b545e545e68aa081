"""The tokens and maps that an encoder computes, in one form for all families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .config import EncoderConfig

# Class token or None, and maps (N, D, rows, columns), the last of which has the patches' features.
Output = tuple[Tensor | None, list[Tensor]]


def read_out(config: EncoderConfig) -> Callable[[Any, Tensor], Output]:
    """Return the function that runs an encoder of a family."""
    return {'swin': _swin, 'hybrid': _hybrid}.get(config.family, _vit)


def _vit(encoder: Any, images: Tensor) -> Output:
    (tokens,) = encoder(images)
    patch = encoder.patch_embed.projection.kernel_size
    # Sides that are no multiple of a patch are padded, as mmpretrain does.
    grid = [-(-side // size) for side, size in zip(images.shape[-2:], patch, strict=True)]
    first = encoder.num_extra_tokens if hasattr(encoder, 'num_extra_tokens') else 1
    patches = tokens[:, first:].transpose(1, 2).unflatten(2, grid)
    return (tokens[:, 0] if first else None), [patches]


def _swin(encoder: Any, images: Tensor) -> Output:
    tokens, shape = encoder.patch_embed(images)
    tokens = encoder.drop_after_pos(tokens)
    maps = []
    for stage in encoder.stages:
        tokens, shape = stage(tokens, shape, do_downsample=False)
        last = stage.downsample is None
        if last:
            tokens = getattr(encoder, f'norm{len(encoder.stages) - 1}')(tokens)
        maps.append(_as_map(tokens, shape))
        if not last:
            tokens, shape = stage.downsample(tokens, shape)
    return None, maps


def _hybrid(encoder: Any, images: Tensor) -> Output:
    *maps, last = encoder._maps(images)
    shape = last.shape[-2:]
    tokens = encoder._encode(encoder._tokens(last))
    if hasattr(encoder, 'fusions'):
        for fuse, stage in zip(encoder.fusions, maps, strict=True):
            tokens = tokens + fuse(stage).flatten(2).transpose(1, 2)
    tokens = encoder.ln1(tokens) if encoder.final_norm else tokens
    return None, [*maps, _as_map(tokens, shape)]


def _as_map(tokens: Tensor, shape: Sequence[int] | torch.Size) -> Tensor:
    return tokens.transpose(1, 2).unflatten(2, tuple(shape))
