"""Checks that the encoders share: each names the value and the remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

ARCH_KEYS = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')


def check_arch(
    arch: str | dict, zoo: Iterable[str], keys: Iterable[str], exact: bool = False
) -> None:
    """Raise a ValueError unless a named architecture is known, or a dict has all ``keys``.

    With ``exact`` it may have no others.
    """
    known, keys = sorted(zoo), sorted(keys)
    if isinstance(arch, str) and arch.lower() not in known:
        raise ValueError(
            f'Unknown arch {arch!r}; choose from {known} or give a dict with {", ".join(keys)}.'
        )
    if isinstance(arch, str):
        return
    if not set(keys) <= set(arch) or (exact and set(arch) - set(keys)):
        raise ValueError(f'arch has the keys {sorted(arch)}; it needs {keys}.')


def check_image_size(img_size: int, patch_size: int, name: str = 'patch_size') -> None:
    """Raise a ValueError unless whole patches, called ``name`` in the message, tile the image."""
    if not isinstance(img_size, int):
        raise ValueError(f'img_size={img_size!r} must be one number: images are square here.')
    if img_size % patch_size:
        lower = img_size - img_size % patch_size
        raise ValueError(
            f'img_size={img_size} is not a multiple of {name}={patch_size}; '
            f'use {lower or patch_size} or {lower + patch_size}.'
        )


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
    """Raise a ValueError unless a part that takes the encoder's features is as wide as these."""
    if width != encoder.embed_dims:
        raise ValueError(
            f"{name}={width} is not the encoder's width of {encoder.embed_dims}: set it to that."
        )
