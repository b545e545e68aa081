"""Checks of arguments and inputs. Each error names the argument, its value and what to set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from torch import Tensor

ARCH_KEYS = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')


def resolve_arch(
    arch: str | dict[str, Any],
    zoo: Mapping[str, dict[str, Any]],
    keys: Iterable[str],
    exact: bool = False,
) -> dict[str, Any]:
    """Return the settings of an architecture.

    Args:
        arch: name of the architecture, in lower or upper case, or its settings.
        zoo: settings of the known names.
        keys: the required settings.
        exact: forbid settings that are not in ``keys``.

    Raises:
        ValueError: the name is unknown, a setting is missing, or one is forbidden.

    Example:
        >>> resolve_arch('Tiny', {'tiny': dict(depth=2)}, ['depth'])
        {'depth': 2}
    """
    known, keys = sorted(zoo), sorted(keys)
    if isinstance(arch, str):
        if arch.lower() not in known:
            raise ValueError(
                f'Unknown arch {arch!r}; choose from {known} or use a dict with {", ".join(keys)}.'
            )
        return zoo[arch.lower()]
    if not set(keys) <= set(arch) or (exact and set(arch) - set(keys)):
        raise ValueError(f'arch has the keys {sorted(arch)}; it needs {keys}.')
    return arch


def check_image_size(img_size: int, patch_size: int, name: str = 'patch_size') -> None:
    """Raise a ValueError unless the image side is a multiple of the patch side.

    Args:
        img_size: side of the image in pixels.
        patch_size: side of a patch in pixels.
        name: name of the patch size in the message.

    Example:
        >>> check_image_size(230, 16)
        Traceback (most recent call last):
        ValueError: img_size=230 is not a multiple of patch_size=16; use 224 or 240.
    """
    if not isinstance(img_size, int):
        raise ValueError(f'img_size={img_size!r} must be an integer, the side of square images.')
    if img_size % patch_size:
        lower = img_size - img_size % patch_size
        raise ValueError(
            f'img_size={img_size} is not a multiple of {name}={patch_size}; '
            f'use {lower or patch_size} or {lower + patch_size}.'
        )


# Instructions for images of another size, by the model that contains the encoder.
_SIZE_INSTRUCTIONS = {
    'encoder': 'set img_size to the size of the images',
    'segmentor': (
        "test with test_cfg=dict(mode='slide', crop_size=({side}, {side}), ...) on images whose "
        "short side is at least {side} (dict(type='ResizeShortestEdge', scale={side}, "
        'max_size=...) in the test pipeline), or set img_size of the encoder'
    ),
    'detector': (
        'set img_size to the size of the images, or scale and pad images to {side} px, as '
        'model.data_preprocessor.pad_size_divisor does'
    ),
}


def check_input_size(
    images: Tensor,
    img_size: tuple[int, int],
    part_of: Literal['encoder', 'segmentor', 'detector'] = 'encoder',
) -> None:
    """Raise a ValueError unless images have the size that an encoder's positions are made for.

    Args:
        images: (N, 3, H, W).
        img_size: (height, width) in pixels.
        part_of: the model that the encoder is used in; it decides the instruction in the message.

    Example:
        >>> import torch
        >>> check_input_size(torch.zeros(2, 3, 224, 224), (224, 224))
    """
    height, width = images.shape[-2:]
    if (height, width) != tuple(img_size):
        raise ValueError(
            f'The encoder was built for images of {img_size[0]} x {img_size[1]} px, because its '
            f'positions fit no other size, but got {height} x {width} px: '
            f'{_SIZE_INSTRUCTIONS[part_of].format(side=img_size[0])}.'
        )


def check_out_indices(out_indices: Sequence[int], num_layers: int) -> list[int]:
    """Check the indices of the blocks whose outputs an encoder returns.

    Args:
        out_indices: indices of blocks, counted from 0.
        num_layers: number of blocks.

    Returns:
        The indices as a list.

    Raises:
        ValueError: the indices are not in ascending order, or the last block is not among them.
            The parameters of the last block would then get no gradient.

    Example:
        >>> check_out_indices((1, 3), num_layers=4)
        [1, 3]
    """
    indices = list(out_indices)
    ascending = indices == sorted(set(indices))
    if not indices or not ascending or indices[0] < 0 or indices[-1] != num_layers - 1:
        raise ValueError(
            f'out_indices={tuple(out_indices)} must ascend and end with the last block, '
            f'{num_layers - 1}: blocks after the last output would get no gradient.'
        )
    return indices


def check_num_heads(embed_dims: int, num_heads: int) -> None:
    """Raise a ValueError unless the channels can be split evenly among the attention heads.

    Example:
        >>> check_num_heads(embed_dims=768, num_heads=12)
    """
    if embed_dims % num_heads:
        raise ValueError(f'embed_dims={embed_dims} must be a multiple of num_heads={num_heads}.')


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Raise a ValueError unless ``value`` is one of ``choices``.

    Example:
        >>> check_choice('feature', 'max', ('mean', 'class'))
        Traceback (most recent call last):
        ValueError: feature='max' is unknown; choose from ['mean', 'class'].
    """
    if value not in choices:
        raise ValueError(f'{name}={value!r} is unknown; choose from {list(choices)}.')


def check_temperature(temperature: float) -> float:
    """Return the temperature; raise a ValueError if it is not positive.

    Example:
        >>> check_temperature(0.1)
        0.1
    """
    if temperature <= 0:
        raise ValueError(f'temperature={temperature} must be positive, for example 0.1.')
    return temperature


def check_width(name: str, width: int | None, encoder: Any) -> None:
    """Raise a ValueError unless the input width of a part is the width of the encoder's features.

    Args:
        name: name of the argument that sets the input width.
        width: value of that argument.
        encoder: the encoder; its width is ``embed_dims``.

    Example:
        >>> from types import SimpleNamespace
        >>> check_width('neck.in_channels', 768, SimpleNamespace(embed_dims=768))
    """
    if width != encoder.embed_dims:
        raise ValueError(
            f"{name}={width} is not the encoder's width of {encoder.embed_dims}: "
            f'set {name}={encoder.embed_dims}.'
        )
