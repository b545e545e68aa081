"""Swin's tensors in the released codes and in mmpretrain: other names, another channel order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor


def swin_encoder(theirs: str, ours: str, num_stages: int) -> list[tuple[str, str]]:
    """Names of an encoder without head.

    Args:
        theirs: beginning of its names there, ``'encoder.'``.
        ours: beginning of its names here, ``'backbone.'``.
        num_stages: how many stages it has.
    """
    block, our_block = f'{theirs}layers.{{i}}.blocks.{{j}}.', f'{ours}stages.{{i}}.blocks.{{j}}.'
    return [
        (f'{theirs}patch_embed.proj.', f'{ours}patch_embed.projection.'),
        (f'{theirs}patch_embed.norm.', f'{ours}patch_embed.norm.'),
        (f'{block}attn.', f'{our_block}attn.w_msa.'),
        (f'{block}mlp.fc1.', f'{our_block}ffn.layers.0.0.'),
        (f'{block}mlp.fc2.', f'{our_block}ffn.layers.1.'),
        (block, our_block),
        (f'{theirs}layers.{{i}}.downsample.', f'{ours}stages.{{i}}.downsample.'),
        (f'{theirs}norm.', f'{ours}norm{num_stages - 1}.'),
    ]


def count_stages(names: Iterable[str], part: str) -> int:
    """How many stages a Swin with these names has, 0 if they are not a Swin's.

    Args:
        names: of tensors.
        part: what stands before a stage's number: ``'.layers.'`` there, ``'.stages.'`` here.
    """
    stages = {int(name.partition(part)[2].split('.')[0]) for name in names if part in name}
    return max(stages, default=-1) + 1


def reorder_merging(tensors: Mapping[str, Tensor], to_ours: bool) -> dict[str, Tensor]:
    """Bring the input channels of patch merging into the order of the other library.

    The released codes concatenate the four tokens of a cell, each with all its channels, top left,
    bottom left, top right, bottom right; mmpretrain has the four tokens of each channel together,
    row by row.

    Args:
        tensors: a state dict, or gradients.
        to_ours: from the released order; otherwise back to it.
    """
    order = ours_from_released if to_ours else released_from_ours
    return {name: order(value) if _is_merged(name) else value for name, value in tensors.items()}


def ours_from_released(merged: Tensor) -> Tensor:
    """(..., 4 C) in the released order -> mmpretrain's."""
    return merged.unflatten(-1, (2, 2, -1)).movedim((-3, -2, -1), (-1, -2, -3)).flatten(-3)


def released_from_ours(merged: Tensor) -> Tensor:
    """(..., 4 C) in mmpretrain's order -> the released one."""
    return merged.unflatten(-1, (-1, 2, 2)).movedim((-3, -2, -1), (-1, -2, -3)).flatten(-3)


def _is_merged(name: str) -> bool:
    return '.downsample.norm.' in name or name.endswith('.downsample.reduction.weight')
