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
    """The settings of an architecture.

    Args:
        arch: its name, in lower or upper case, or its settings.
        zoo: the settings of the known names.
        keys: the settings that there must be.
        exact: refuse settings that are not among ``keys``.

    Raises:
        ValueError: the name is unknown, or the settings are incomplete or too many.

    Example:
        >>> resolve_arch('Tiny', {'tiny': dict(depth=2)}, ['depth'])
        {'depth': 2}
    """
    known, keys = sorted(zoo), sorted(keys)
    if isinstance(arch, str):
        if arch.lower() not in known:
            raise ValueError(
                f'Unknown arch {arch!r}; choose from {known} or give a dict with {", ".join(keys)}.'
            )
        return zoo[arch.lower()]
    if not set(keys) <= set(arch) or (exact and set(arch) - set(keys)):
        raise ValueError(f'arch has the keys {sorted(arch)}; it needs {keys}.')
    return arch


def check_image_size(img_size: int, patch_size: int, name: str = 'patch_size') -> None:
    """Raise a ValueError unless whole patches tile the image.

    Args:
        img_size: side of the image in pixels.
        patch_size: side of a patch in pixels.
        name: what the message calls the patch size.

    Example:
        >>> check_image_size(230, 16)
        Traceback (most recent call last):
        ValueError: img_size=230 is not a multiple of patch_size=16; use 224 or 240.
    """
    if not isinstance(img_size, int):
        raise ValueError(f'img_size={img_size!r} must be one number: images are square here.')
    if img_size % patch_size:
        lower = img_size - img_size % patch_size
        raise ValueError(
            f'img_size={img_size} is not a multiple of {name}={patch_size}; '
            f'use {lower or patch_size} or {lower + patch_size}.'
        )


# What to do about images of another size, by the model that the encoder is a part of.
_SIZE_INSTRUCTIONS = {
    'encoder': 'set img_size to that',
    'segmentor': (
        "test with test_cfg=dict(mode='slide', crop_size=({side}, {side}), ...) on images whose "
        "short side is at least {side} (dict(type='ResizeShortestEdge', scale={side}, "
        'max_size=...) in the test pipeline), or set img_size of the encoder'
    ),
    'detector': (
        'set img_size to that, or scale and pad images to {side} px, as '
        'model.data_preprocessor.pad_size_divisor does'
    ),
}


def check_input_size(
    images: Tensor,
    img_size: tuple[int, int],
    part_of: Literal['encoder', 'segmentor', 'detector'] = 'encoder',
) -> None:
    """Raise a ValueError unless images have the size for which an encoder's positions are made.

    Args:
        images: (N, 3, H, W).
        img_size: (height, width) in pixels.
        part_of: the model that the encoder is used in; it decides the instruction in the message.
    """
    height, width = images.shape[-2:]
    if (height, width) != tuple(img_size):
        raise ValueError(
            f'The encoder was built for images of {img_size[0]} x {img_size[1]} px, the only size '
            f'that its positions fit, but got {height} x {width} px: '
            f'{_SIZE_INSTRUCTIONS[part_of].format(side=img_size[0])}.'
        )


def check_out_indices(out_indices: Sequence[int], num_layers: int) -> list[int]:
    """The blocks whose outputs an encoder returns, as a list.

    Raises:
        ValueError: they are not in ascending order, or the last block is not among them; its
            parameters would get no gradient.

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
    """Raise a ValueError unless each head of an attention gets the same number of channels."""
    if embed_dims % num_heads:
        raise ValueError(f'embed_dims={embed_dims} must be a multiple of num_heads={num_heads}.')


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Raise a ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f'{name}={value!r} is unknown; choose from {list(choices)}.')


def check_temperature(temperature: float) -> float:
    """Return the temperature, or raise a ValueError unless it is positive."""
    if temperature <= 0:
        raise ValueError(f'temperature={temperature} must be positive, for example 0.1.')
    return temperature


def check_width(name: str, width: int | None, encoder: Any) -> None:
    """Raise a ValueError unless a part that takes the encoder's features has their width.

    Args:
        name: of the setting.
        width: its value.
        encoder: has the attribute ``embed_dims``.
    """
    if width != encoder.embed_dims:
        raise ValueError(
            f"{name}={width} is not the encoder's width of {encoder.embed_dims}: set it to that."
        )
