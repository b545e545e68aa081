"""Swin's tensors: names and channel order in the released code and in mmpretrain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor


def swin_encoder(theirs: str, ours: str, num_stages: int) -> list[tuple[str, str]]:
    """Pair the released names of a Swin encoder, without its head, with mmpretrain's.

    Args:
        theirs: prefix of the released encoder, for example ``'encoder.'``.
        ours: prefix of this package's encoder, for example ``'backbone.'``.
        num_stages: number of stages.
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
    """Count the stages of a Swin from the names of its tensors.

    Args:
        names: names of tensors.
        part: the component before the number of a stage: ``'.layers.'`` in released names,
            ``'.stages.'`` in this package's.

    Returns:
        The number of stages; 0 if no name contains ``part``.

    Example:
        >>> count_stages(['backbone.stages.0.norm', 'backbone.stages.3.norm'], '.stages.')
        4
    """
    stages = {int(name.partition(part)[2].split('.')[0]) for name in names if part in name}
    return max(stages, default=-1) + 1


def reorder_merging(tensors: Mapping[str, Tensor], to_ours: bool) -> dict[str, Tensor]:
    """Reorder the input channels of patch merging layers for the other library.

    Patch merging joins 2 x 2 tokens. The released code concatenates all channels of the top left,
    bottom left, top right and bottom right token. mmpretrain concatenates, for each channel, its
    values in the four tokens, row by row.

    Args:
        tensors: a state dict, or gradients by name.
        to_ours: convert from the released order to mmpretrain's; otherwise the other way.
    """
    order = ours_from_released if to_ours else released_from_ours
    return {name: order(value) if _is_merged(name) else value for name, value in tensors.items()}


def ours_from_released(merged: Tensor) -> Tensor:
    """Convert (..., 4 C) from the released order to mmpretrain's.

    Example:
        >>> import torch
        >>> ours_from_released(torch.arange(4))  # top left, bottom left, top right, bottom right
        tensor([0, 2, 1, 3])
    """
    return merged.unflatten(-1, (2, 2, -1)).movedim((-3, -2, -1), (-1, -2, -3)).flatten(-3)


def released_from_ours(merged: Tensor) -> Tensor:
    """Convert (..., 4 C) from mmpretrain's order to the released one.

    Example:
        >>> import torch
        >>> released_from_ours(ours_from_released(torch.arange(8))).tolist()
        [0, 1, 2, 3, 4, 5, 6, 7]
    """
    return merged.unflatten(-1, (-1, 2, 2)).movedim((-3, -2, -1), (-1, -2, -3)).flatten(-3)


def _is_merged(name: str) -> bool:
    return '.downsample.norm.' in name or name.endswith('.downsample.reduction.weight')
